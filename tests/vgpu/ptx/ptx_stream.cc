#include "tests/vgpu/ptx/ptx_stream.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"
#include "tests/vgpu/ptx/symbol.h"
#include "tests/vgpu/ptx/thread.h"

namespace cogdist::ptx {
namespace {

// What all threads of a launch know.
struct Call {
  const Entry* entry;
  const unsigned char* parameters;
  uint64_t* registers;
  uint64_t* instructions;
};

void SetPosition(const simt::Block& block, const dim3& thread,
                 uint64_t* registers) {
  const auto set = [registers](SpecialRegister first, const dim3& value) {
    registers[first] = value.x;
    registers[first + 1] = value.y;
    registers[first + 2] = value.z;
  };
  registers[kZero] = 0;
  set(kThreadX, thread);
  set(kBlockX, block.index());
  set(kBlockExtentX, block.launch().block);
  set(kGridExtentX, block.launch().grid);
}

// One thread, on a fiber of the emulator's.
void RunThread(const void* argument) {
  const Call& call = *static_cast<const Call*>(argument);
  simt::Block& block = *simt::Block::Current();
  const simt::Thread& fiber = block.thread();
  const size_t count = call.entry->registers;
  uint64_t* const registers = call.registers + fiber.id * count;
  std::fill_n(registers, count, ~uint64_t{0});  // NaN, until they are set
  SetPosition(block, fiber.index, registers);
  Thread thread(block, *call.entry, registers, call.parameters);
  *call.instructions += thread.Run();
}

std::optional<std::string> Misfit(const Entry* entry,
                                  const simt::KernelLaunch& launch) {
  if (entry == nullptr) return "there is no PTX of this kernel";
  if (entry->parameter_bytes != launch.parameter_bytes) {
    return absl::StrCat("nvcc's parameters have ", entry->parameter_bytes,
                        " bytes, ours have ", launch.parameter_bytes);
  }
  if (entry->max_threads > 0 && launch.block.volume() > entry->max_threads) {
    return absl::StrCat(launch.block.volume(), " threads, compiled for ",
                        entry->max_threads);
  }
  return std::nullopt;
}

}  // namespace

const char* PtxStream::Enqueue(const simt::KernelLaunch& launch) {
  const Entry* const entry = EntryOf(launch.kernel);
  if (auto misfit = Misfit(entry, launch)) {
    emulator_.AddReport({.fault = simt::Fault::kBadLaunch,
                         .kernel = Demangled(SymbolAt(launch.kernel)),
                         .text = *std::move(misfit)});
    return nullptr;
  }
  return Run(*entry, launch);
}

const char* PtxStream::Run(const Entry& entry,
                           const simt::KernelLaunch& launch) {
  registers_.resize(std::max<size_t>(
      registers_.size(), size_t{entry.registers} * launch.block.volume()));
  const Call call = {&entry,
                     static_cast<const unsigned char*>(launch.arguments),
                     registers_.data(), &instructions_};
  simt::KernelLaunch interpreted = launch;
  interpreted.invoke = &RunThread;
  interpreted.arguments = &call;
  interpreted.argument_bytes = sizeof(call);
  return emulator_.Enqueue(interpreted);
}

const Entry* PtxStream::EntryOf(const void* kernel) {
  const auto [found, is_new] = entries_.try_emplace(kernel, nullptr);
  if (is_new) found->second = library_.Find(Demangled(SymbolAt(kernel)));
  return found->second;
}

std::unique_ptr<PtxStream> StreamFromEnvironment(simt::Emulator& emulator) {
  const char* const folder = std::getenv("COGDIST_PTX");
  if (folder == nullptr) return nullptr;
  absl::StatusOr<Library> library = Library::Load(folder);
  COG_CHECK_OK(library.status());
  return std::make_unique<PtxStream>(emulator, *std::move(library));
}

}  // namespace cogdist::ptx
