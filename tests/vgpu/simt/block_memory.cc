// Loads, stores and asynchronous copies of a block's threads.

#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/simt/block.h"
#include "tests/vgpu/simt/program_image.h"

namespace cogdist::simt {
namespace {

bool InRange(uintptr_t address, const void* begin, size_t bytes) {
  return address - reinterpret_cast<uintptr_t>(begin) < bytes;
}

const char* Verb(bool is_write) { return is_write ? "write" : "read"; }

}  // namespace

void Block::Access(const void* pointer, size_t bytes, bool is_write,
                   CodeOffset code) {
  if (!checked_) return;
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  // Locals whose address a kernel takes, and the parameters of its launch.
  if (address - running_->stack < StackPool::kStackBytes) return;
  ++stats().accesses;
  const Actor actor = {running_->id, code};
  constexpr size_t kGuard = DeviceMemory::kGuardBytes;
  const auto shared_begin = reinterpret_cast<uintptr_t>(shared());
  if (address + kGuard - shared_begin < launch_.shared_bytes + 2 * kGuard) {
    return AccessShared(address - shared_begin, bytes, is_write, actor);
  }
  if (auto* const buffer = environment_.memory.Find(address)) {
    return AccessBuffer(*buffer, address, bytes, is_write, actor);
  }
  if (!is_write &&
      (InRange(address, launch_.arguments, launch_.argument_bytes) ||
       InImage(address))) {
    return;
  }
  Fail({Fault::kUnknownMemory,
        absl::StrCat(Verb(is_write), " of ", bytes, " bytes at ",
                     absl::Hex(address), ", which no device memory is near"),
        -1, code});
}

void Block::AccessAligned(const void* address, size_t bytes, bool is_write,
                          CodeOffset code) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) {
    Fail({Fault::kMisaligned,
          absl::StrCat(Verb(is_write), " of ", bytes, " bytes at ",
                       absl::Hex(reinterpret_cast<uintptr_t>(address))),
          -1, code});
  }
  if (is_write && InRange(reinterpret_cast<uintptr_t>(address), shared(),
                          launch_.shared_bytes)) {
    Fail({Fault::kUnknownMemory,
          "a wide store, which is to device memory, to shared memory", -1,
          code});
  }
  Access(address, bytes, is_write, code);
}

// `offset` may lie in the guards: it is then beyond the end, also where it
// would be negative.
void Block::AccessShared(uintptr_t offset, size_t bytes, bool is_write,
                         const Actor& actor) {
  const size_t size = launch_.shared_bytes;
  if (offset >= size || bytes > size - offset) {
    Fail({Fault::kOutOfBounds,
          absl::StrCat(Verb(is_write), " of ", bytes, " bytes at offset ",
                       static_cast<int64_t>(offset), " of ", size,
                       " bytes of shared memory"),
          actor.thread, actor.code});
  }
  if (!checked_) return;
  AccessCells(&shared_cells_[offset / kCellBytes], CellsOf(bytes), is_write,
              actor, nullptr, offset);
}

void Block::AccessBuffer(DeviceMemory::Buffer& buffer, uintptr_t address,
                         size_t bytes, bool is_write, const Actor& actor) {
  const auto place = [&] {
    return absl::StrCat(Verb(is_write), " of ", bytes, " bytes at offset ",
                        static_cast<int64_t>(address - buffer.begin), " of '",
                        buffer.name, "' (", buffer.bytes, " bytes)");
  };
  if (buffer.freed) {
    Fail({Fault::kUseAfterFree, place(), actor.thread, actor.code});
  }
  if (!buffer.Contains(address, bytes)) {
    Fail({Fault::kOutOfBounds, place(), actor.thread, actor.code});
  }
  AccessCells(buffer.CellsOf(address), CellsOf(bytes), is_write, actor,
              &buffer.name, address - buffer.begin);
}

// `name` of the buffer, null for shared memory.
void Block::AccessCells(Cell* cells, size_t count, bool is_write,
                        const Actor& actor, const std::string* name,
                        size_t offset) {
  for (size_t i = 0; i < count; ++i) {
    if (!is_write && shadow_.IsRepeatedRead(cells[i], actor.thread)) continue;
    const std::optional<Conflict> conflict =
        is_write ? shadow_.Write(cells[i], actor)
                 : shadow_.Read(cells[i], actor);
    if (!conflict) continue;
    Fail({conflict->fault,
          absl::StrCat(conflict->what, " of byte ", offset + i * kCellBytes,
                       " of ", name == nullptr ? "shared memory" : *name),
          actor.thread, actor.code, *conflict});
  }
}

uint32_t Block::SharedAddress(const void* pointer, CodeOffset code) {
  const auto offset = static_cast<const unsigned char*>(pointer) - shared();
  if (offset < 0 || static_cast<size_t>(offset) > launch_.shared_bytes) {
    Fail({Fault::kOutOfBounds, "a pointer that is not to shared memory", -1,
          code});
  }
  return static_cast<uint32_t>(offset);
}

template <typename F>
void Block::ForCellsOf(const AsyncCopy& copy, const F& f) {
  if (!checked_) return;
  for (size_t i = 0; i < AsyncCopy::kBytes / kCellBytes; ++i) {
    f(shared_cells_[copy.to / kCellBytes + i]);
  }
}

// The destination is poisoned until the issuing thread has waited. To others
// the copy is a write by this thread at the time of its wait.
void Block::IssueCopy(const AsyncCopy& copy) {
  ++stats().async_copies;
  if (copy.to % AsyncCopy::kBytes != 0 ||
      reinterpret_cast<uintptr_t>(copy.from) % AsyncCopy::kBytes != 0) {
    Fail({Fault::kMisaligned, "cp.async of 16 bytes", -1, copy.code});
  }
  if (copy.from_bytes > 0) {
    Access(copy.from, copy.from_bytes, false, copy.code);
  }
  AccessShared(copy.to, AsyncCopy::kBytes, true, {running_->id, copy.code});
  std::memset(shared() + copy.to, 0xff, AsyncCopy::kBytes);
  ForCellsOf(copy, [](Cell& cell) { cell.in_flight = true; });
  running_->open_copies.push_back(copy);
}

void Block::CommitCopies() {
  running_->copy_groups.push_back(std::move(running_->open_copies));
  running_->open_copies.clear();
}

void Block::WaitForCopies(size_t groups_left) {
  auto& groups = running_->copy_groups;
  while (groups.size() > groups_left) {
    for (const AsyncCopy& copy : groups.front()) {
      unsigned char* const to = shared() + copy.to;
      std::memcpy(to, copy.from, copy.from_bytes);
      std::memset(to + copy.from_bytes, 0, AsyncCopy::kBytes - copy.from_bytes);
      ForCellsOf(copy, [this](Cell& cell) {
        cell.in_flight = false;
        cell.write_stamp = clocks_.Now(running_->warp());
      });
    }
    groups.erase(groups.begin());
  }
}

}  // namespace cogdist::simt
