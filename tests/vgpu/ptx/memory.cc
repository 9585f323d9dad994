// ld and st. Every access is checked: its alignment, its bounds, whether it
// reads what was written, and whether other threads' accesses are ordered.

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/vgpu/ptx/opcodes.h"
#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {
namespace {

using simt::Fault;

// Generic addresses are of global memory or parameters: nothing makes one of
// an address of shared memory.
enum class Space { kGlobal, kShared, kParameter };

void CheckAlignment(Thread& t, const Instruction& x, uint64_t address,
                    size_t bytes) {
  if (address % bytes == 0) return;
  t.block().Fail(
      {Fault::kMisaligned,
       absl::StrCat("an access of ", bytes, " bytes at ", absl::Hex(address)),
       -1, x.code});
}

const unsigned char* Parameters(Thread& t, const Instruction& x,
                                uint64_t offset, size_t bytes) {
  const size_t size = t.entry().parameter_bytes;
  if (offset > size || bytes > size - offset) {
    t.block().Fail({Fault::kOutOfBounds,
                    absl::StrCat("read of ", bytes, " bytes at offset ",
                                 static_cast<int64_t>(offset), " of ", size,
                                 " bytes of parameters"),
                    -1, x.code});
  }
  return t.parameters() + offset;
}

template <Space kSpace>
const unsigned char* Readable(Thread& t, const Instruction& x,
                              const Operand& operand, size_t bytes) {
  auto address = t.Get<uint64_t>(operand);
  if constexpr (kSpace == Space::kShared) address &= 0xffffffff;
  CheckAlignment(t, x, address, bytes);
  if constexpr (kSpace == Space::kParameter) {
    return Parameters(t, x, address, bytes);
  } else if constexpr (kSpace == Space::kShared) {
    t.block().AccessShared(address, bytes, /*is_write=*/false,
                           {t.block().thread().id, x.code});
    return t.block().shared() + address;
  } else {
    const auto* const memory = reinterpret_cast<const unsigned char*>(address);
    t.block().Access(memory, bytes, /*is_write=*/false, x.code);
    return memory;
  }
}

template <Space kSpace>
unsigned char* Writable(Thread& t, const Instruction& x, const Operand& operand,
                        size_t bytes) {
  auto address = t.Get<uint64_t>(operand);
  if constexpr (kSpace == Space::kShared) address &= 0xffffffff;
  CheckAlignment(t, x, address, bytes);
  if constexpr (kSpace == Space::kShared) {
    t.block().AccessShared(address, bytes, /*is_write=*/true,
                           {t.block().thread().id, x.code});
    return t.block().shared() + address;
  } else {
    auto* const memory = reinterpret_cast<unsigned char*>(address);
    t.block().Access(memory, bytes, /*is_write=*/true, x.code);
    return memory;
  }
}

template <Space kSpace, typename T, int kCount>
void Load(Thread& t, const Instruction& x) {
  T values[kCount];
  std::memcpy(values, Readable<kSpace>(t, x, x[kCount], sizeof(values)),
              sizeof(values));
  for (int i = 0; i < kCount; ++i) t.Set(x[i], values[i]);
}

template <Space kSpace, typename T, int kCount>
void Store(Thread& t, const Instruction& x) {
  T values[kCount];
  for (int i = 0; i < kCount; ++i) values[i] = t.Get<T>(x[1 + i]);
  std::memcpy(Writable<kSpace>(t, x, x[0], sizeof(values)), values,
              sizeof(values));
}

// `prefix`: "ld.global", or with a cache's hint.
template <Space kSpace, typename T>
void AddLoads(OpcodeTable& table, absl::string_view prefix,
              absl::string_view type) {
  const std::string name(prefix);
  table.Add(absl::StrCat(name, ".", type), "da", Load<kSpace, T, 1>);
  table.Add(absl::StrCat(name, ".v2.", type), "{dd}a", Load<kSpace, T, 2>);
  if constexpr (sizeof(T) <= 4) {
    table.Add(absl::StrCat(name, ".v4.", type), "{dddd}a", Load<kSpace, T, 4>);
  }
}
template <Space kSpace, typename T>
void AddStores(OpcodeTable& table, absl::string_view prefix,
               absl::string_view type) {
  const std::string name(prefix);
  table.Add(absl::StrCat(name, ".", type), "as", Store<kSpace, T, 1>);
  table.Add(absl::StrCat(name, ".v2.", type), "a{ss}", Store<kSpace, T, 2>);
  if constexpr (sizeof(T) <= 4) {
    table.Add(absl::StrCat(name, ".v4.", type), "a{ssss}", Store<kSpace, T, 4>);
  }
}

template <typename T>
void AddType(OpcodeTable& table, absl::string_view type) {
  AddLoads<Space::kParameter, T>(table, "ld.param", type);
  AddLoads<Space::kShared, T>(table, "ld.shared", type);
  for (absl::string_view name : {"ld", "ld.global", "ld.global.nc"}) {
    AddLoads<Space::kGlobal, T>(table, name, type);
  }
  AddStores<Space::kShared, T>(table, "st.shared", type);
  for (absl::string_view name : {"st", "st.global", "st.global.wb"}) {
    AddStores<Space::kGlobal, T>(table, name, type);
  }
}

// Integers of `bits`, and bits of any kind.
template <typename Unsigned>
void AddWidth(OpcodeTable& table, int bits) {
  AddType<Unsigned>(table, absl::StrCat("b", bits));
  AddType<Unsigned>(table, absl::StrCat("u", bits));
  AddType<std::make_signed_t<Unsigned>>(table, absl::StrCat("s", bits));
}

}  // namespace

void AddMemory(OpcodeTable& table) {
  AddWidth<uint8_t>(table, 8);
  AddWidth<uint16_t>(table, 16);
  AddWidth<uint32_t>(table, 32);
  AddWidth<uint64_t>(table, 64);
  AddType<float>(table, "f32");
  AddType<double>(table, "f64");
}

}  // namespace cogdist::ptx
