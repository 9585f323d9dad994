// The rules of shadow memory between operations of different streams. Those
// within one launch are Shadow's.

#ifndef COGDIST_TESTS_VGPU_SIMT_BETWEEN_H_
#define COGDIST_TESTS_VGPU_SIMT_BETWEEN_H_

#include <cstdint>
#include <optional>

#include "tests/vgpu/simt/cell.h"
#include "tests/vgpu/simt/conflict.h"
#include "tests/vgpu/simt/history.h"

namespace cogdist::simt {

// From the view of one operation: what earlier ones have done to a cell must
// have happened before it.
class Between {
 public:
  // Without a progress, all that has begun has happened before.
  Between(History& history, const Progress* progress)
      : history_(history), past_(history, progress) {}

  std::optional<Conflict> CheckWriter(const Cell& cell, const char* what);
  std::optional<Conflict> CheckReaders(const Cell& cell);
  // This operation is going to be the cell's last reader, in place of that of
  // an earlier one, which stays known if this one is not ordered after it.
  void SupersedeReader(Cell& cell) {
    if (!past_.Includes(cell.read_block)) KeepReader(cell);
  }

 private:
  void KeepReader(Cell& cell);

  History& history_;
  Past past_;
  // The last step of KeepReader(): many cells take the same.
  uint32_t kept_from_ = 0, kept_block_ = 0, kept_ = 0;
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_BETWEEN_H_
