#include "kernels/cpu/reduce.h"

#include <algorithm>

#include "kernels/cpu/parallel_for.h"

namespace cogdist::cpu {
namespace {

constexpr int64_t kSideBySide = 8;  // chunks

// Sums of the chunks at x, x + kReduceChunk...; all of them are whole.
template <typename F>
void SumWholeChunks(const float* x, double* sums, const F& f) {
  double local[kSideBySide] = {};
  for (int64_t i = 0; i < kReduceChunk; ++i) {
    for (int64_t chunk = 0; chunk < kSideBySide; ++chunk) {
      local[chunk] += f(x[chunk * kReduceChunk + i]);
    }
  }
  std::copy_n(local, kSideBySide, sums);
}

template <typename F>
double SumInOrder(const float* x, int64_t n, const F& f) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += f(x[i]);
  return sum;
}

template <typename F>
void SumChunks(const TensorView& tensor, double* sums, const F& f) {
  const float* const x = tensor.Data<float>();
  const int64_t n = tensor.num_elements();
  constexpr int64_t kGroup = kSideBySide * kReduceChunk;
  ParallelFor((n + kGroup - 1) / kGroup, kGroup * 4, [&](int64_t group) {
    const int64_t begin = group * kGroup;
    double* to = sums + group * kSideBySide;
    if (begin + kGroup <= n) return SumWholeChunks(x + begin, to, f);
    for (int64_t i = begin; i < n; i += kReduceChunk) {
      *to++ = SumInOrder(x + i, std::min(kReduceChunk, n - i), f);
    }
  });
}

// Neighbours are added until one number is left; an odd one moves up as it is.
double PairwiseTree(double* sums, int64_t count) {
  if (count == 0) return 0;
  while (count > 1) {
    for (int64_t i = 0; i < count / 2; ++i) {
      sums[i] = sums[2 * i] + sums[2 * i + 1];
    }
    if (count % 2 == 1) sums[count / 2] = sums[count - 1];
    count = (count + 1) / 2;
  }
  return sums[0];
}

}  // namespace

void Sum(CpuStream& stream, const SumArgs& args) {
  double* const sums =
      static_cast<double*>(stream.Workspace(SumWorkspaceBytes(stream, args)));
  SumChunks(args.x, sums, [](float x) { return double{x}; });
  const double sum = PairwiseTree(sums, NumReduceChunks(args.x.num_elements()));
  double& out = *args.out.Data<double>();
  out = args.accumulate ? out + sum : sum;
}

int64_t SumWorkspaceBytes(Stream&, const SumArgs& args) {
  return NumReduceChunks(args.x.num_elements()) * sizeof(double);
}

void ChunkSumsOfSquares(CpuStream&, const ChunkSumsOfSquaresArgs& args) {
  SumChunks(args.x, args.out.Data<double>(),
            [](float x) { return double{x} * double{x}; });
}

}  // namespace cogdist::cpu
