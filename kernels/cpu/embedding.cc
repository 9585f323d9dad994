#include "kernels/cpu/embedding.h"

#include <omp.h>
#include "kernels/cpu/parallel_for.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/embedding.cc"
#include "hwy/foreach_target.h"
#include "kernels/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace cogdist::cpu::HWY_NAMESPACE {
namespace {

// The table row of an id, or null where another shard holds it.
template <typename T>
T* TableRow(const TensorView& table, int64_t id, int64_t first_id) {
  const int64_t row = id - first_id;
  if (row < 0 || row >= table.dim(0)) return nullptr;
  return table.Data<T>() + row * table.dim(1);
}

template <typename To, typename From>
void Forward(const EmbeddingForwardArgs& args) {
  const int64_t hidden = args.y.dim(1);
  const int32_t* const ids = args.ids.Data<int32_t>();
  ParallelFor(
      args.y.dim(0), hidden * (sizeof(To) + sizeof(From)), [&](int64_t row) {
        To* const y = args.y.Data<To>() + row * hidden;
        const From* const from =
            TableRow<From>(args.table, ids[row], args.first_id);
        ForEachVector(hidden, [&](int64_t i, auto part) {
          Store(from == nullptr ? Set(0) : Load(from + i, part), y + i, part);
        });
      });
}

void EmbeddingForward(CpuStream&, const EmbeddingForwardArgs& args) {
  DispatchFloat(args.y.dtype, [&]<typename To>(To) {
    DispatchFloat(args.table.dtype,
                  [&]<typename From>(From) { Forward<To, From>(args); });
  });
}

// Adds columns [begin, end) of all rows of dy to the table.
template <typename T>
void AddColumns(const EmbeddingBackwardArgs& args, int64_t begin, int64_t end) {
  const int64_t hidden = args.dy.dim(1);
  const int32_t* const ids = args.ids.Data<int32_t>();
  for (int64_t row = 0; row < args.dy.dim(0); ++row) {
    float* to = TableRow<float>(args.dtable, ids[row], args.first_id);
    if (to == nullptr) continue;
    to += begin;
    const T* const from = args.dy.Data<T>() + row * hidden + begin;
    ForEachVector(end - begin, [&](int64_t i, auto part) {
      Store(hn::Add(Load(to + i, part), Load(from + i, part)), to + i, part);
    });
  }
}

void EmbeddingBackward(CpuStream&, const EmbeddingBackwardArgs& args) {
  constexpr int64_t kColumns = 16;  // a cache line of dtable
  const int64_t rows = args.dy.dim(0), hidden = args.dy.dim(1);
  const int64_t lines = (hidden + kColumns - 1) / kColumns;
  const int64_t parts = std::min<int64_t>(omp_get_max_threads(), lines);
  ParallelFor(parts, rows * hidden * 8, [&](int64_t part) {
    const int64_t begin = part * lines / parts * kColumns;
    const int64_t end = (part + 1) * lines / parts * kColumns;
    DispatchFloat(args.dy.dtype, [&]<typename T>(T) {
      AddColumns<T>(args, begin, std::min(end, hidden));
    });
  });
}

}  // namespace
}  // namespace cogdist::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

COG_DISPATCH(EmbeddingForward);
COG_DISPATCH(EmbeddingBackward);
