// Faults on purpose, so that tests and operators can see what happens when
// something goes wrong. docs/failures.md lists points and actions.

#ifndef COGDIST_PARALLEL_FAULT_H_
#define COGDIST_PARALLEL_FAULT_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace cogdist {

// Where in a run; in the order in which a run gets there.
enum class FaultPoint {
  kStart,       // before the model is allocated, as step 0
  kStep,        // before a step's first micro-batch
  kGradient,    // the first backward pass has added to a unit's gradients,
                // which are not yet summed over ranks
  kCollective,  // this rank's share of the step is done, others wait for its
                // gradients
  kParameter,   // after the update
};

// What a fault does to its rank.
enum class FaultAction {
  kKill,   // SIGKILL, as the out-of-memory killer would
  kStop,   // SIGSTOP: the process is there but does nothing
  kStall,  // the rank's thread sleeps for ever
  kExit,   // leaves the process with code 1, without a word to the others
  kAbort,  // SIGABRT, as a failed check would
  kNan,    // a gradient becomes NaN; at kGradient
  kFlip,   // one bit of a weight changes; at kParameter
};

// A value handed down to where the points are; one without a fault does
// nothing. Every call is for a point that this rank has reached.
class FaultInjection {
 public:
  FaultInjection() = default;

  // "POINT:STEP:RANK:ACTION" with names in lower case, e.g.
  // "collective:3:1:kill"; STEP may be `*`, every step. An empty text is no
  // fault. INVALID_ARGUMENT says what is wrong and what would be right.
  static absl::StatusOr<FaultInjection> Parse(absl::string_view text);

  // The rank that the fault is for; none without a fault.
  std::optional<int> rank() const;

  // Does what the fault says, if it is for this point, step and rank.
  void Reach(FaultPoint point, int64_t step, int rank) const;
  // The same where there is data to damage: its first element. `data` is
  // float32 or bfloat16 and in order on `stream`.
  void Reach(FaultPoint point, int64_t step, int rank, Stream& stream,
             const TensorView& data) const;

 private:
  struct Fault {
    FaultPoint point = FaultPoint::kStart;
    std::optional<int64_t> step;  // none: every one
    int rank = 0;
    FaultAction action = FaultAction::kKill;
  };
  bool IsDue(FaultPoint point, int64_t step, int rank) const;

  std::optional<Fault> fault_;
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_FAULT_H_
