#include "tests/vgpu/runtime/machine.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/check.h"
#include "tests/vgpu/runtime/clique.h"
#include "tests/vgpu/runtime/stream.h"
#include "tests/vgpu/simt/launch.h"

namespace cogdist::vgpu {
namespace {

std::atomic<Machine*>& TheMachine() {
  static std::atomic<Machine*> machine{nullptr};
  return machine;
}

template <typename T>
void ReadVariable(const char* name, T* value) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return;
  COG_CHECK(absl::SimpleAtoi(text, value), name, "=", text, " is no number");
}

Options FromEnvironment() {
  Options options;
  ReadVariable("COGDIST_VGPU_DEVICES", &options.devices);
  ReadVariable("COGDIST_VGPU_MEMORY_BYTES", &options.memory_bytes);
  ReadVariable("COGDIST_VGPU_SEED", &options.seed);
  int check = options.check_kernels ? 1 : 0;
  ReadVariable("COGDIST_VGPU_CHECK", &check);
  options.check_kernels = check != 0;
  return options;
}

using Buffer = simt::DeviceMemory::Buffer;

struct Place {
  uintptr_t address = 0;
  size_t bytes = 0;
};

bool IsWithin(const Place& place, const Buffer& buffer) {
  return !buffer.freed && buffer.Contains(place.address, place.bytes);
}

// `owner` is whose memory it is, as in "device 0".
std::string Describe(const Place& place, const Buffer& buffer,
                     absl::string_view owner) {
  const auto offset = static_cast<int64_t>(place.address - buffer.begin);
  if (buffer.freed) {
    return absl::StrCat("is ", offset, " bytes into a block of ", buffer.bytes,
                        " bytes of ", owner, " that was freed");
  }
  if (!IsWithin(place, buffer)) {
    return absl::StrCat("leaves a block of ", buffer.bytes, " bytes of ", owner,
                        ", of which it starts at byte ", offset);
  }
  return absl::StrCat("is memory of ", owner);
}

}  // namespace

int& CurrentDevice() {
  thread_local int device = 0;
  return device;
}

Machine::Machine(const Options& options)
    : options_(options), pinned_({.shadow = false}) {
  for (int i = 0; i < options.devices; ++i) {
    devices_.push_back(std::make_unique<Device>(
        *this, simt::DeviceMemory::Options{.limit = options.memory_bytes,
                                           .shadow = options.check_kernels}));
  }
  Machine* expected = nullptr;
  COG_CHECK(TheMachine().compare_exchange_strong(expected, this),
            "there is a virtual machine already");
}

Machine::~Machine() {
  FlushStreams();
  // Each may still wait for a signal of another: none goes before all are done.
  for (auto& [handle, stream] : streams_) stream->End();
  for (auto& stream : retired_) stream->End();
  streams_.clear();
  retired_.clear();
  TheMachine().store(nullptr);
}

Machine& Machine::Current() {
  if (Machine* machine = TheMachine().load()) return *machine;
  // Lives until the process ends: nobody knows who uses it last.
  static Machine& machine = *new Machine(FromEnvironment());
  return machine;
}

void Machine::FailCall(absl::string_view call, int nth, int error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  CallRecord& record = calls_[std::string(call)];
  record.failures[record.calls + nth] = error;
}

// CUDA's programming guide, "Technical Specifications per Compute Capability".
size_t Machine::shared_bytes_per_block() const {
  switch (options_.compute_capability) {
    case 80:
      return 163 << 10;
    case 86:
    case 89:
    case 120:
      return 99 << 10;
    default:
      return simt::kMaxSharedBytes;
  }
}

void Machine::LoseDevice(int device) { devices_[device]->lost = true; }
bool Machine::IsLost(int device) const { return devices_[device]->lost; }

int64_t Machine::calls(absl::string_view call) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = calls_.find(std::string(call));
  return found == calls_.end() ? 0 : found->second.calls;
}

std::vector<std::string> Machine::reports() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return reports_;
}

int64_t Machine::host_waits() const {
  return calls("cudaStreamSynchronize") + calls("cudaDeviceSynchronize") +
         calls("cudaEventSynchronize") + pageable_copies_;
}

int Machine::Enter(absl::string_view call) {
  const std::lock_guard<std::mutex> lock(mutex_);
  CallRecord& record = calls_[std::string(call)];
  const auto failure = record.failures.find(++record.calls);
  return failure == record.failures.end() ? 0 : failure->second;
}

void Machine::Report(std::string text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  reports_.push_back(std::move(text));
}

bool Machine::CheckDevicePointer(absl::string_view call,
                                 absl::string_view argument, const void* memory,
                                 int64_t bytes, int device) {
  bool on_device = false;
  if (!CheckAnyPointer(call, argument, memory, bytes, device, &on_device)) {
    return false;
  }
  if (!on_device && bytes > 0) {
    Report(absl::StrFormat("%s: %s = %p is host memory, not device %d's", call,
                           argument, memory, device));
    return false;
  }
  return true;
}

bool Machine::CheckAnyPointer(absl::string_view call,
                              absl::string_view argument, const void* memory,
                              int64_t bytes, int device, bool* on_device) {
  *on_device = false;
  if (bytes == 0) return true;
  const Place place = {reinterpret_cast<uintptr_t>(memory),
                       static_cast<size_t>(bytes)};
  std::string fault;
  if (const auto* const own = devices_[device]->memory.Find(place.address)) {
    *on_device = IsWithin(place, *own);
    if (*on_device) return true;
    fault = Describe(place, *own, absl::StrCat("device ", device));
  }
  const auto* const pinned = pinned_.Find(place.address);
  if (pinned != nullptr && !IsWithin(place, *pinned)) {
    fault = Describe(place, *pinned, "pinned host memory");
  }
  for (int other = 0; other < num_devices(); ++other) {
    if (other == device) continue;
    const auto* const found = devices_[other]->memory.Find(place.address);
    if (found == nullptr) continue;
    fault =
        absl::StrCat(Describe(place, *found, absl::StrCat("device ", other)),
                     ", on a stream of device ", device);
  }
  if (memory == nullptr) fault = "is null";
  if (fault.empty()) return true;
  Report(absl::StrFormat("%s: %s = %p, %d bytes, %s", call, argument, memory,
                         bytes, fault));
  return false;
}

Stream* Machine::CreateStream(int device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  HardwareQueue* const queue =
      options_.share_queues ? &devices_[device]->queues.Next() : nullptr;
  auto stream = std::make_unique<Stream>(*this, device, ++streams_made_, queue);
  Stream* const made = stream.get();
  streams_[static_cast<CUstream_st*>(made)] = std::move(stream);
  return made;
}

void Machine::DestroyStream(Stream* stream) {
  stream->Flush();
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = streams_.find(static_cast<CUstream_st*>(stream));
  // Its work goes on, as on a device.
  retired_.push_back(std::move(found->second));
  streams_.erase(found);
}

Stream* Machine::FindStream(absl::string_view call, void* handle) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = streams_.find(handle);
    if (found != streams_.end()) return found->second.get();
  }
  Report(handle == nullptr
             ? absl::StrCat(call,
                            " on the null stream, which orders itself "
                            "with all others and is never meant")
             : absl::StrCat(call, " on a stream that was destroyed"));
  return nullptr;
}

void Machine::FlushStreams() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [handle, stream] : streams_) stream->Flush();
}

void Machine::Synchronize(int device) {
  std::vector<Signal*> ends;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& [handle, stream] : streams_) {
      if (stream->device() == device) ends.push_back(stream->PushSignal());
      stream->Flush();
    }
  }
  for (Signal* const end : ends) {
    end->Wait();
    HostSaw(device, *end);
  }
}

void Machine::HostSaw(int device, const Signal& signal) {
  if (!options_.check_kernels) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  Device& self = *devices_[device];
  simt::Progress progress = signal.progress;
  if (!self.host_history.empty()) progress.Join(self.host_history.back());
  self.host_history.push_back(std::move(progress));
  self.host.store(&self.host_history.back(), std::memory_order_release);
}

int Machine::NextCliqueNumber() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ++cliques_named_;
}

Clique* Machine::FindClique(int number, int size) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::unique_ptr<Clique>& clique = cliques_[number];
  if (clique == nullptr) clique = std::make_unique<Clique>(*this, number, size);
  return clique->size() == size ? clique.get() : nullptr;
}

void Machine::SetBroken(int device) {
  devices_[device]->broken.store(true, std::memory_order_relaxed);
}

bool Machine::IsBroken(int device) const {
  return HasDevice(device) &&
         devices_[device]->broken.load(std::memory_order_relaxed);
}

}  // namespace cogdist::vgpu
