// The order in which passes use units, learned from the last time they ran: a
// step repeats its schedule, pipelined or not, from the first use to the last.

#ifndef COGDIST_PARALLEL_UNIT_ORDER_H_
#define COGDIST_PARALLEL_UNIT_ORDER_H_

#include <optional>
#include <utility>
#include <vector>

#include "parallel/param_store.h"

namespace cogdist {

class UnitOrder {
 public:
  // The passes begin from the start.
  void Restart() {
    last_ = std::exchange(current_, {});
    as_last_ = true;
  }

  // `unit` is used now. Returns the unit to come; none where the order is not
  // known, or ends.
  std::optional<ParamStore::UnitId> Next(ParamStore::UnitId unit) {
    const size_t i = current_.size();
    current_.push_back(unit);
    as_last_ = as_last_ && i < last_.size() && last_[i] == unit;
    if (!as_last_ || i + 1 == last_.size()) return std::nullopt;
    return last_[i + 1];
  }

 private:
  std::vector<ParamStore::UnitId> last_;
  std::vector<ParamStore::UnitId> current_;
  bool as_last_ = true;  // so far
};

}  // namespace cogdist

#endif  // COGDIST_PARALLEL_UNIT_ORDER_H_
