#include "parallel/fault.h"

#include <signal.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// In the order of the enumerators.
constexpr std::array<absl::string_view, 5> kPoints = {
    "start", "step", "gradient", "collective", "parameter"};
constexpr std::array<absl::string_view, 7> kActions = {
    "kill", "stop", "stall", "exit", "abort", "nan", "flip"};

absl::Status Wrong(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "COGDIST_FAULT: `", text, "`: ", what,
      "; the form is POINT:STEP:RANK:ACTION, e.g. collective:3:1:kill, with "
      "POINT one of ",
      absl::StrJoin(kPoints, ", "), " and ACTION one of ",
      absl::StrJoin(kActions, ", ")));
}

template <typename Enum, size_t kCount>
std::optional<Enum> Find(const std::array<absl::string_view, kCount>& names,
                         absl::string_view name) {
  for (size_t i = 0; i < kCount; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

[[noreturn]] void SleepForEver() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

void EndProcess(FaultAction action) {
  switch (action) {
    case FaultAction::kKill:
      raise(SIGKILL);
      break;
    case FaultAction::kStop:
      raise(SIGSTOP);
      break;
    case FaultAction::kStall:
      SleepForEver();
    case FaultAction::kExit:
      std::_Exit(1);
    case FaultAction::kAbort:
      std::abort();
    case FaultAction::kNan:
    case FaultAction::kFlip:
      break;
  }
}

}  // namespace

absl::StatusOr<FaultInjection> FaultInjection::Parse(absl::string_view text) {
  FaultInjection injection;
  if (text.empty()) return injection;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  if (parts.size() != 4) return Wrong(text, "four parts are needed");
  const auto point = Find<FaultPoint>(kPoints, parts[0]);
  if (!point.has_value()) {
    return Wrong(text, absl::StrCat("no point `", parts[0], "`"));
  }
  Fault fault;
  fault.point = *point;
  int64_t step = 0;
  if (parts[1] != "*") {
    if (!absl::SimpleAtoi(parts[1], &step) || step < 0) {
      return Wrong(text, "STEP is a number from 0 or *");
    }
    fault.step = step;
  }
  if (!absl::SimpleAtoi(parts[2], &fault.rank) || fault.rank < 0) {
    return Wrong(text, "RANK is a number from 0");
  }
  const auto action = Find<FaultAction>(kActions, parts[3]);
  if (!action.has_value()) {
    return Wrong(text, absl::StrCat("no action `", parts[3], "`"));
  }
  fault.action = *action;
  if (fault.action == FaultAction::kNan &&
      fault.point != FaultPoint::kGradient) {
    return Wrong(text, "`nan` is for the point `gradient`");
  }
  if (fault.action == FaultAction::kFlip &&
      fault.point != FaultPoint::kParameter) {
    return Wrong(text, "`flip` is for the point `parameter`");
  }
  injection.fault_ = fault;
  return injection;
}

std::optional<int> FaultInjection::rank() const {
  if (!fault_.has_value()) return std::nullopt;
  return fault_->rank;
}

bool FaultInjection::IsDue(FaultPoint point, int64_t step, int rank) const {
  return fault_.has_value() && fault_->point == point && fault_->rank == rank &&
         (!fault_->step.has_value() || *fault_->step == step);
}

void FaultInjection::Reach(FaultPoint point, int64_t step, int rank) const {
  if (IsDue(point, step, rank)) EndProcess(fault_->action);
}

void FaultInjection::Reach(FaultPoint point, int64_t step, int rank,
                           Stream& stream, const TensorView& data) const {
  if (!IsDue(point, step, rank)) return;
  EndProcess(fault_->action);
  if (stream.device_type() == DeviceType::kMeta || data.num_elements() == 0) {
    return;
  }
  // The first element, on the host and back.
  std::array<char, sizeof(double)> element = {};
  const int64_t bytes = SizeOf(data.dtype);
  stream.Copy(element.data(), data.data, bytes);
  stream.Synchronize();
  if (fault_->action == FaultAction::kNan) {
    COG_CHECK(data.dtype == DType::kFloat32);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(element.data(), &nan, sizeof(nan));
  } else {
    element[bytes - 2] ^= 1;  // of the mantissa, in either format
  }
  stream.Copy(data.data, element.data(), bytes);
  stream.Synchronize();
}

}  // namespace cogdist
