#include "kernels/rope.h"

#include <cmath>

#include "kernels/checks.h"
#include "kernels/cpu/rope.h"
#include "kernels/route.h"

namespace cogdist {

std::vector<float> RopeTable(int64_t max_positions, int64_t head_dim,
                             double theta) {
  COG_CHECK_EQ(head_dim % 2, 0);
  const int64_t half = head_dim / 2, size = max_positions * half;
  std::vector<float> table(2 * size);
  for (int64_t i = 0; i < half; ++i) {
    const double frequency = std::pow(theta, -2.0 * i / head_dim);
    for (int64_t position = 0; position < max_positions; ++position) {
      const double angle = position * frequency;
      table[position * half + i] = std::cos(angle);
      table[size + position * half + i] = std::sin(angle);
    }
  }
  return table;
}

void Rope(Stream& stream, const RopeArgs& args) {
  const auto& [x, table, first_position, inverse] = args;
  COG_CHECK_FLOAT(x, 4);
  COG_CHECK_EQ(x.dim(3) % 2, 0);
  COG_CHECK(x.strides.dim(3) == 1, "the elements of a head are strided");
  COG_CHECK_EQ(table.shape.rank(), 3);
  COG_CHECK_TENSOR(table, DType::kFloat32, {2, table.dim(1), x.dim(3) / 2});
  COG_CHECK(first_position >= 0 && first_position + x.dim(1) <= table.dim(1),
            "positions [", first_position, ", ", first_position + x.dim(1),
            ") of a table of ", table.dim(1));
  Route(stream, args, {.cpu = cpu::Rope, .gpu = &KernelTable::rope});
}

}  // namespace cogdist
