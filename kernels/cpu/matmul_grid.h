// A matrix product as a grid of oneDNN's products: one for all threads
// (MatMulBlocking::kFastest), or blocks that are handed out to the threads
// (kFixed). A thread of the latter neither shares a sum with another nor runs
// code that was made for another number of threads.

#ifndef COGDIST_KERNELS_CPU_MATMUL_GRID_H_
#define COGDIST_KERNELS_CPU_MATMUL_GRID_H_

#include <array>
#include <cstdint>
#include <optional>

#include "kernels/cpu/dnnl_matmul.h"
#include "kernels/matmul.h"
#include "runtime/stream.h"

namespace cogdist::cpu {

class MatMulGrid {
 public:
  // Also generates the code, which is kept with the stream. Without a value if
  // oneDNN has none for this processor (see DnnlMatMul).
  // REQUIRES: m, n, k > 0.
  static std::optional<MatMulGrid> Make(Stream& stream, const MatMulArgs& args);

  // Bytes of scratch memory that Run() needs.
  int64_t scratch_bytes() const;
  // The product of the matrices that `args` points to; otherwise `args` must be
  // as it was in Make(). Blocks let communication go on between them.
  void Run(const MatMulArgs& args, Device& device, void* scratch) const;

 private:
  // One side of c, cut into blocks of `size`; the last has the rest.
  struct Side {
    int64_t total, size, blocks;
  };
  static Side Cut(int64_t total, int64_t size);

  explicit MatMulGrid(const MatMulArgs& args);

  int64_t num_blocks() const { return rows_.blocks * columns_.blocks; }
  // The block at a place of the grid, as a product of its own.
  MatMulArgs Block(const MatMulArgs& args, int64_t row, int64_t column) const;
  const DnnlMatMul*& Product(int64_t row, int64_t column) {
    return products_[row + 1 == rows_.blocks][column + 1 == columns_.blocks];
  }
  const DnnlMatMul* Product(int64_t row, int64_t column) const {
    return products_[row + 1 == rows_.blocks][column + 1 == columns_.blocks];
  }

  bool fixed_;
  Side rows_, columns_;
  // [is in the last row of blocks][is in the last column of blocks]
  std::array<std::array<const DnnlMatMul*, 2>, 2> products_ = {};
  int64_t block_scratch_bytes_ = 0;
  int team_ = 1;  // threads that take blocks
};

}  // namespace cogdist::cpu

#endif  // COGDIST_KERNELS_CPU_MATMUL_GRID_H_
