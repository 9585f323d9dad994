#include "kernels/matmul.h"

#include "kernels/cpu/matmul.h"
#include "kernels/matmul_peak.h"
#include "runtime/meta/meta_device.h"
#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

using MatMulFunction = void (*)(CpuStream&, const MatMulArgs&);

struct Types {
  DType in, out;
};
constexpr Types kTypes[] = {{DType::kFloat32, DType::kFloat32},
                            {DType::kBFloat16, DType::kFloat32},
                            {DType::kBFloat16, DType::kBFloat16}};

struct Size {
  int64_t m, n, k;
};
constexpr Size kSizes[] = {{1, 1, 1},   {1, 7, 33},    {5, 1, 17},
                           {3, 5, 1},   {17, 31, 65},  {64, 64, 64},
                           {33, 96, 7}, {130, 67, 259}};
// One and several fixed blocks, whole and cut.
constexpr Size kBlockSizes[] = {
    {5, 3, 17}, {256, 128, 8}, {257, 129, 33}, {300, 400, 20}, {600, 128, 9}};

// A matrix whose rows lie `gap` elements further apart than they are long.
struct Matrix {
  Matrix(DType dtype, int64_t rows, int64_t columns, int64_t gap,
         uint64_t stream)
      : memory(RandomTensor(dtype, {rows, columns + gap}, stream)),
        view(memory.view().Slice(1, 0, columns)) {}

  double Get(int64_t row, int64_t column) const {
    return memory.Get(row * memory.view().dim(1) + column);
  }
  Doubles values() const {
    Doubles result;
    for (int64_t row = 0; row < view.dim(0); ++row) {
      for (int64_t i = 0; i < view.dim(1); ++i) result.push_back(Get(row, i));
    }
    return result;
  }
  // The elements between the rows.
  Doubles gaps() const {
    Doubles result;
    for (int64_t row = 0; row < view.dim(0); ++row) {
      for (int64_t i = view.dim(1); i < memory.view().dim(1); ++i) {
        result.push_back(Get(row, i));
      }
    }
    return result;
  }

  HostTensor memory;
  TensorView view;
};

class MatMulTest : public KernelTest {
 protected:
  // Compares `multiply` with a float64 loop.
  void Check(Types types, Size size, int flags, int64_t gap,
             MatMulFunction multiply) {
    const bool transpose_a = flags & 1, transpose_b = flags & 2;
    const bool accumulate = flags & 4, with_bias = flags & 8;
    const auto [m, n, k] = size;
    SCOPED_TRACE(absl::StrCat(m, " ", n, " ", k, " flags ", flags, " ",
                              Name(types.in), " to ", Name(types.out)));
    const Matrix a(types.in, transpose_a ? k : m, transpose_a ? m : k, gap, 1);
    const Matrix b(types.in, transpose_b ? n : k, transpose_b ? k : n, gap, 2);
    const Matrix c(types.out, m, n, gap, 3);
    const HostTensor bias = RandomTensor(types.out, {n}, 4);
    Doubles expected = c.values();
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = accumulate ? expected[i * n + j] : 0;
        if (with_bias) sum += bias.Get(j);
        for (int64_t l = 0; l < k; ++l) {
          sum += (transpose_a ? a.Get(l, i) : a.Get(i, l)) *
                 (transpose_b ? b.Get(j, l) : b.Get(l, j));
        }
        expected[i * n + j] = sum;
      }
    }
    const Doubles gaps = c.gaps();
    multiply(stream_, {.c = c.view,
                       .a = a.view,
                       .b = b.view,
                       .bias = with_bias ? bias.view() : TensorView(),
                       .transpose_a = transpose_a,
                       .transpose_b = transpose_b,
                       .accumulate = accumulate});
    EXPECT_LE(RelativeError(c.values(), expected), Tolerance(types.out));
    EXPECT_EQ(c.gaps(), gaps);
  }

  void CheckAll(MatMulFunction multiply) {
    for (const Types types : kTypes) {
      for (const Size size : kSizes) {
        for (int flags = 0; flags < 16; ++flags) {
          Check(types, size, flags, /*gap=*/flags % 2 == 0 ? 0 : 3, multiply);
        }
      }
    }
  }
};

void Public(CpuStream& stream, const MatMulArgs& args) { MatMul(stream, args); }

TEST_F(MatMulTest, EveryTransposeTypeAndStride) { CheckAll(Public); }

TEST_F(MatMulTest, WideningGivesTheSameOnProcessorsWithoutBFloat16) {
  CheckAll(cpu::WidenedMatMul);
}

void Fixed(CpuStream& stream, const MatMulArgs& args) {
  MatMulArgs fixed = args;
  fixed.blocking = MatMulBlocking::kFixed;
  MatMul(stream, fixed);
}

void FixedWidened(CpuStream& stream, const MatMulArgs& args) {
  MatMulArgs fixed = args;
  fixed.blocking = MatMulBlocking::kFixed;
  cpu::WidenedMatMul(stream, fixed);
}

TEST_F(MatMulTest, FixedBlocksGiveTheSame) {
  for (const Types types : kTypes) {
    for (const Size size : kBlockSizes) {
      for (int flags = 0; flags < 16; ++flags) {
        Check(types, size, flags, /*gap=*/flags % 3, Fixed);
      }
      Check(types, size, /*flags=*/5, /*gap=*/1, FixedWidened);
      Check(types, size, /*flags=*/13, /*gap=*/1, FixedWidened);
    }
  }
}

TEST_F(MatMulTest, BitsOfFixedBlocksDoNotDependOnTheThreadCount) {
  for (const Types types : kTypes) {
    for (const Size size :
         {Size{1, 700, 640}, Size{300, 270, 1030}, Size{31, 17, 2050}}) {
      for (int flags = 0; flags < 8; ++flags) {
        const auto [m, n, k] = size;
        const bool transpose_a = flags & 1, transpose_b = flags & 2;
        const Matrix a(types.in, transpose_a ? k : m, transpose_a ? m : k, 0,
                       1);
        const Matrix b(types.in, transpose_b ? n : k, transpose_b ? k : n, 0,
                       2);
        const Matrix c0(types.out, m, n, 0, 3);
        const HostTensor c(types.out, {m, n});
        for (const MatMulFunction multiply : {Fixed, FixedWidened}) {
          ExpectSameBitsForAnyThreadCount([&] {
            Copy(stream_, c, c0.memory);
            multiply(stream_, {.c = c,
                               .a = a.view,
                               .b = b.view,
                               .transpose_a = transpose_a,
                               .transpose_b = transpose_b,
                               .accumulate = (flags & 4) != 0});
            return c.bytes();
          });
        }
      }
    }
  }
}

// Gathered weights may start anywhere.
TEST_F(MatMulTest, BitsOfFixedBlocksDoNotDependOnTheAddress) {
  constexpr int64_t kSize = 300;
  for (const Types types : kTypes) {
    const HostTensor a = RandomTensor(types.in, {kSize * kSize + 64}, 1);
    std::vector<char> first;
    for (const int64_t offset : {0, 1, 5, 16}) {
      const HostTensor moved(types.in, {kSize * kSize + 64});
      const TensorView x(moved.view().Slice(0, offset, kSize * kSize).data,
                         types.in, {kSize, kSize});
      Copy(stream_, x, TensorView(a.view().data, types.in, {kSize, kSize}));
      const HostTensor c(types.out, {kSize, kSize});
      MatMul(stream_, {.c = c,
                       .a = x,
                       .b = x,
                       .transpose_b = true,
                       .blocking = MatMulBlocking::kFixed});
      if (offset == 0) first = c.bytes();
      EXPECT_TRUE(c.bytes() == first) << offset;
    }
  }
}

TEST_F(MatMulTest, FixedBlocksLeaveTheThreadCountAlone) {
  const int threads = omp_get_max_threads();
  omp_set_num_threads(3);
  Check(kTypes[0], {300, 300, 20}, 0, 0, Fixed);
  EXPECT_EQ(omp_get_max_threads(), 3);
  omp_set_num_threads(threads);
}

TEST_F(MatMulTest, ThreadCountMayChangeBetweenCalls) {
  const int threads = omp_get_max_threads();
  for (const int count : {1, 3, 2}) {
    omp_set_num_threads(count);
    Check(kTypes[1], {130, 67, 259}, 5, 0, Public);
    Check(kTypes[1], {300, 260, 19}, 5, 0, Fixed);
  }
  omp_set_num_threads(threads);
}

TEST_F(MatMulTest, EmptySumIsZero) {
  HostTensor c = RandomTensor(DType::kFloat32, {2, 3}, 1);
  const HostTensor a(DType::kFloat32, {2, 0}), b(DType::kFloat32, {0, 3});
  const Doubles before = c.values();
  MatMul(stream_, {.c = c, .a = a, .b = b, .accumulate = true});
  EXPECT_EQ(c.values(), before);
  MatMul(stream_, {.c = c, .a = a, .b = b});
  EXPECT_EQ(c.values(), Doubles(6, 0.0));
}

TEST_F(MatMulTest, EmptyProductIsFine) {
  const HostTensor c(DType::kBFloat16, {0, 3}), a(DType::kBFloat16, {0, 4});
  const HostTensor b(DType::kBFloat16, {4, 3});
  MatMul(stream_, {.c = c, .a = a, .b = b});
}

TEST_F(MatMulTest, SameBitsInEveryRun) {
  const HostTensor a = RandomTensor(DType::kBFloat16, {4096, 96}, 1);
  const HostTensor b = RandomTensor(DType::kBFloat16, {4096, 64}, 2);
  const HostTensor c(DType::kFloat32, {96, 64});
  MatMul(stream_, {.c = c, .a = a, .b = b, .transpose_a = true});
  const std::vector<char> first = c.bytes();
  for (int run = 0; run < 10; ++run) {
    MatMul(stream_, {.c = c, .a = a, .b = b, .transpose_a = true});
    EXPECT_TRUE(c.bytes() == first);
  }
}

TEST_F(MatMulTest, MetaDeviceRecordsTheSameWorkspaceAndReadsNothing) {
  MetaDevice meta;
  const std::unique_ptr<Stream> planned = meta.CreateStream();
  for (const Types types : kTypes) {
    const HostTensor a = RandomTensor(types.in, {512, 130}, 1);
    const HostTensor b = RandomTensor(types.in, {512, 96}, 2);
    const HostTensor c(types.out, {130, 96}), bias(types.out, {96});
    for (const MatMulBlocking blocking :
         {MatMulBlocking::kFastest, MatMulBlocking::kFixed}) {
      MatMulArgs args = {.c = c,
                         .a = a,
                         .b = b,
                         .bias = bias,
                         .transpose_a = true,
                         .blocking = blocking};
      MatMul(stream_, args);
      for (TensorView* x : {&args.a, &args.b, &args.c, &args.bias}) {
        x->data = reinterpret_cast<void*>(uintptr_t{1} << 46);
      }
      MatMul(*planned, args);
      EXPECT_EQ(planned->workspace_bytes(), stream_.workspace_bytes());
    }
  }
}

TEST_F(MatMulTest, SecondCallAllocatesNothing) {
  Check(kTypes[1], {130, 67, 259}, 5, 0, Public);
  const int64_t peak = device_.memory().peak_bytes;
  Check(kTypes[1], {130, 67, 259}, 5, 0, Public);
  EXPECT_EQ(device_.memory().peak_bytes, peak);
}

TEST_F(MatMulTest, RefusesShapesAndTypesThatDoNotFit) {
  const HostTensor a(DType::kFloat32, {2, 3}), b(DType::kFloat32, {4, 5});
  const HostTensor c(DType::kFloat32, {2, 5});
  EXPECT_DEATH(MatMul(stream_, {.c = c, .a = a, .b = b}), "3 vs 4");
  const HostTensor half(DType::kBFloat16, {3, 5});
  EXPECT_DEATH(MatMul(stream_, {.c = c, .a = a, .b = half}),
               "float32\\[2, 3\\] times bfloat16\\[3, 5\\]");
  const HostTensor d(DType::kFloat32, {3, 5}), bias(DType::kFloat32, {2});
  EXPECT_DEATH(MatMul(stream_, {.c = c, .a = a, .b = d, .bias = bias}),
               "args.bias is float32\\[2\\], expected contiguous "
               "float32\\[5\\]");
}

TEST_F(MatMulTest, MeasuresAPlausiblePeak) {
  const absl::StatusOr<double> flops =
      MeasureGemmFlops(stream_, DType::kFloat32, 256);
  ASSERT_TRUE(flops.ok());
  EXPECT_GT(*flops, 1e8);
  EXPECT_LT(*flops, 1e15);
  EXPECT_EQ(device_.memory().current_bytes, stream_.workspace_bytes());
}

}  // namespace
}  // namespace cogdist
