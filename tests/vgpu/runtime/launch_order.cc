#include "tests/vgpu/runtime/launch_order.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/vgpu/runtime/machine.h"

namespace cogdist::vgpu {
namespace {

constexpr int64_t kAnyTime = -1;

}  // namespace

bool LaunchOrder::IsOrdered() const {
  const char* const value = std::getenv("NCCL_LAUNCH_ORDER_IMPLICIT");
  return machine_.options().nccl_version >= 22600 && value != nullptr &&
         absl::string_view(value) == "1";
}

bool LaunchOrder::WaitsForEnds(bool in_graph) const {
  const Options& options = machine_.options();
  if (!in_graph) return options.driver_version < 12030;
  return options.driver_version < 12090 || options.nccl_version < 22700;
}

int64_t LaunchOrder::Issue(const std::string& operation, bool in_graph) {
  const bool ordered = IsOrdered();
  if (!ordered && machine_.options().concurrent_collectives == 0) {
    return kAnyTime;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  ordered_ = ordered;
  waiting_[issued_] = {.text = operation,
                       .alone = ordered && WaitsForEnds(in_graph)};
  return issued_++;
}

void LaunchOrder::Begin(int64_t place) {
  if (place == kAnyTime) return;
  std::unique_lock<std::mutex> lock(mutex_);
  waiting_[place].arrived = true;
  changed_.wait(lock, [&] { return MayBegin(place); });
  running_.insert(waiting_.extract(place));
  changed_.notify_all();
}

void LaunchOrder::End(int64_t place) {
  if (place == kAnyTime) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  running_.erase(place);
  changed_.notify_all();
}

bool LaunchOrder::MayBegin(int64_t place) const {
  if (ordered_ && waiting_.begin()->first != place) return false;
  if (waiting_.at(place).alone && !running_.empty()) return false;
  const int room = machine_.options().concurrent_collectives;
  return room == 0 || static_cast<int>(running_.size()) < room;
}

std::string LaunchOrder::Waiting() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string text;
  for (const auto& [place, operation] : waiting_) {
    if (!operation.arrived) continue;
    absl::StrAppend(&text, "\n    not begun: ", operation.text);
  }
  if (text.empty()) return text;
  for (const auto& [place, operation] : running_) {
    absl::StrAppend(&text, "\n    begun: ", operation.text);
  }
  return text;
}

}  // namespace cogdist::vgpu
