// What the layout-invariant mode rests on: no kernel's bits depend on the
// number of threads, and those of element-wise ones not on where a range is
// cut. Products in fixed blocks have their test in matmul_test.cc.

#include "kernels/adamw.h"
#include "kernels/cast.h"
#include "kernels/column_sum.h"
#include "kernels/cross_entropy.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/gelu.h"
#include "kernels/layernorm.h"
#include "kernels/reduce.h"
#include "kernels/rmsnorm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "tests/kernels/attention_reference.h"

namespace cogdist {
namespace {

constexpr DType kTypes[] = {DType::kFloat32, DType::kBFloat16};

// Large enough that kernels do use their threads, and odd.
constexpr int64_t kRows = 301, kWidth = 131;
const Shape kShape = {kRows, kWidth};

HostTensor CopyOf(const HostTensor& x) {
  return HostTensor(x.view().dtype, x.view().shape, x.values());
}

class ThreadInvarianceTest : public KernelTest {
 protected:
  // Runs `body` on every type of activations and instruction set.
  static void ForEachType(const std::function<void(DType)>& body) {
    for (const DType dtype : kTypes) {
      SCOPED_TRACE(Name(dtype));
      ForEachTarget([&] { body(dtype); });
    }
  }
};

TEST_F(ThreadInvarianceTest, RmsNorm) {
  ForEachType([&](DType dtype) {
    const HostTensor x = RandomTensor(dtype, kShape, 1);
    const HostTensor residual = RandomTensor(dtype, kShape, 2);
    const HostTensor dy = RandomTensor(dtype, kShape, 3);
    const HostTensor gain = RandomTensor(dtype, {kWidth}, 4);
    ExpectSameBitsForAnyThreadCount([&] {
      const HostTensor y(dtype, kShape), sum(dtype, kShape), dx(dtype, kShape);
      const HostTensor rstd(DType::kFloat32, {kRows});
      const HostTensor dgain = RandomTensor(DType::kFloat32, {kWidth}, 5);
      RmsNormForward(stream_, {.y = y,
                               .rstd = rstd,
                               .sum = sum,
                               .x = x,
                               .residual = residual,
                               .gain = gain});
      RmsNormBackward(stream_, {.dx = dx,
                                .dgain = dgain,
                                .dy = dy,
                                .x = sum,
                                .gain = gain,
                                .rstd = rstd,
                                .residual_gradient = residual});
      return BytesOf({&y, &sum, &rstd, &dx, &dgain});
    });
  });
}

TEST_F(ThreadInvarianceTest, LayerNorm) {
  ForEachType([&](DType dtype) {
    const HostTensor x = RandomTensor(dtype, kShape, 1);
    const HostTensor residual = RandomTensor(dtype, kShape, 2);
    const HostTensor dy = RandomTensor(dtype, kShape, 3);
    const HostTensor gain = RandomTensor(dtype, {kWidth}, 4);
    ExpectSameBitsForAnyThreadCount([&] {
      const HostTensor y(dtype, kShape), sum(dtype, kShape), dx(dtype, kShape);
      const HostTensor mean(DType::kFloat32, {kRows});
      const HostTensor rstd(DType::kFloat32, {kRows});
      const HostTensor dgain = RandomTensor(DType::kFloat32, {kWidth}, 5);
      const HostTensor dbias = RandomTensor(DType::kFloat32, {kWidth}, 6);
      LayerNormForward(stream_, {.y = y,
                                 .mean = mean,
                                 .rstd = rstd,
                                 .sum = sum,
                                 .x = x,
                                 .residual = residual,
                                 .gain = gain,
                                 .bias = gain});
      LayerNormBackward(stream_, {.dx = dx,
                                  .dgain = dgain,
                                  .dbias = dbias,
                                  .dy = dy,
                                  .x = sum,
                                  .gain = gain,
                                  .mean = mean,
                                  .rstd = rstd,
                                  .residual_gradient = residual});
      return BytesOf({&y, &sum, &mean, &rstd, &dx, &dgain, &dbias});
    });
  });
}

TEST_F(ThreadInvarianceTest, GeluAndColumnSum) {
  ForEachType([&](DType dtype) {
    const HostTensor x = RandomTensor(dtype, kShape, 1);
    const HostTensor dy = RandomTensor(dtype, kShape, 2);
    const HostTensor bias = RandomTensor(dtype, {kWidth}, 3);
    ExpectSameBitsForAnyThreadCount([&] {
      const HostTensor y(dtype, kShape), dx(dtype, kShape);
      const HostTensor dbias = RandomTensor(DType::kFloat32, {kWidth}, 4);
      const HostTensor sum = RandomTensor(DType::kFloat32, {kWidth}, 5);
      GeluForward(stream_, {.y = y, .x = x, .bias = bias});
      GeluBackward(stream_,
                   {.dx = dx, .dbias = dbias, .dy = dy, .x = x, .bias = bias});
      ColumnSum(stream_, {.sum = sum, .x = x});
      return BytesOf({&y, &dx, &dbias, &sum});
    });
  });
}

TEST_F(ThreadInvarianceTest, Embedding) {
  std::vector<int32_t> ids(kRows);
  for (int64_t i = 0; i < kRows; ++i) ids[i] = i * i % 11;
  const TensorView id_view = TensorView::Of(ids.data(), {kRows});
  ForEachType([&](DType dtype) {
    const HostTensor table = RandomTensor(dtype, {7, kWidth}, 1);
    const HostTensor dy = RandomTensor(dtype, kShape, 2);
    ExpectSameBitsForAnyThreadCount([&] {
      const HostTensor y(dtype, kShape);
      const HostTensor dtable = RandomTensor(DType::kFloat32, {7, kWidth}, 3);
      EmbeddingForward(stream_,
                       {.y = y, .table = table, .ids = id_view, .first_id = 2});
      EmbeddingBackward(
          stream_, {.dtable = dtable, .dy = dy, .ids = id_view, .first_id = 2});
      return BytesOf({&y, &dtable});
    });
  });
}

TEST_F(ThreadInvarianceTest, CrossEntropy) {
  std::vector<int32_t> targets(kRows);
  for (int64_t i = 0; i < kRows; ++i) targets[i] = i % (kWidth + 1) - 1;
  const TensorView target_view = TensorView::Of(targets.data(), {kRows});
  const HostTensor logits = RandomTensor(DType::kFloat32, kShape, 1, 4);
  ForEachType([&](DType dtype) {
    ExpectSameBitsForAnyThreadCount([&] {
      const HostTensor loss(DType::kFloat32, {kRows}), d(dtype, kShape);
      CrossEntropy(stream_, {.loss = loss,
                             .dlogits = d,
                             .logits = logits,
                             .targets = target_view});
      return BytesOf({&loss, &d});
    });
    ExpectSameBitsForAnyThreadCount([&] {
      const HostTensor loss(DType::kFloat32, {kRows}), d(dtype, kShape);
      const HostTensor max(DType::kFloat32, {kRows});
      const HostTensor stats(DType::kFloat32, {2, kRows});
      CrossEntropyMax(stream_, {.max = max, .logits = logits});
      CrossEntropyStats(stream_, {.sums = stats,
                                  .logits = logits,
                                  .max = max,
                                  .targets = target_view});
      CrossEntropyFinish(stream_, {.loss = loss,
                                   .dlogits = d,
                                   .logits = logits,
                                   .max = max,
                                   .sums = stats,
                                   .targets = target_view});
      return BytesOf({&max, &stats, &loss, &d});
    });
  });
}

TEST_F(ThreadInvarianceTest, SwiGlu) {
  const Shape wide = {kRows, 2 * kWidth};
  ForEachType([&](DType dtype) {
    const HostTensor gate_up = RandomTensor(dtype, wide, 1);
    const HostTensor dy = RandomTensor(dtype, kShape, 2);
    ExpectSameBitsForAnyThreadCount([&] {
      const HostTensor y(dtype, kShape), d_gate_up(dtype, wide);
      SwiGluForward(stream_, {.y = y, .gate_up = gate_up});
      SwiGluBackward(stream_,
                     {.d_gate_up = d_gate_up, .dy = dy, .gate_up = gate_up});
      return BytesOf({&y, &d_gate_up});
    });
  });
}

TEST_F(ThreadInvarianceTest, Rope) {
  const Shape shape = {3, 101, 5, 22};
  const std::vector<float> angles = RopeTable(128, 22, 10000);
  const TensorView table = TensorView::Of(angles.data(), {2, 128, 11});
  ForEachType([&](DType dtype) {
    const HostTensor x = RandomTensor(dtype, shape, 1);
    ExpectSameBitsForAnyThreadCount([&] {
      const HostTensor rotated = CopyOf(x);
      Rope(stream_, {.x = rotated, .table = table, .first_position = 7});
      return rotated.bytes();
    });
  });
}

TEST_F(ThreadInvarianceTest, Reductions) {
  const int64_t n = 300001, chunks = NumReduceChunks(n);
  const HostTensor x = RandomTensor(DType::kFloat32, {n}, 1);
  ExpectSameBitsForAnyThreadCount([&] {
    std::vector<double> out(chunks + 1);
    const TensorView view = TensorView::Of(out.data(), {chunks + 1});
    ChunkSumsOfSquares(stream_, {.out = view.Slice(0, 0, chunks), .x = x});
    Sum(stream_, {.out = view.Slice(0, chunks, 1), .x = x});
    const char* const bytes = reinterpret_cast<const char*>(out.data());
    return std::vector<char>(bytes, bytes + view.bytes());
  });
}

TEST_F(ThreadInvarianceTest, Attention) {
  AttentionCase c = {
      .batch = 1, .q_len = 333, .kv_len = 333, .heads = 4, .head_dim = 24};
  for (const AttentionKind kind :
       {AttentionKind::kCog, AttentionKind::kSoftmax}) {
    for (const int64_t kv_heads : {1, 2, 4}) {
      for (const bool documents : {false, true}) {
        c.kind = kind;
        c.kv_heads = kv_heads;
        c.document_start = documents ? RandomDocuments(c.batch, c.q_len, 0)
                                     : std::vector<int32_t>();
        ForEachType([&](DType dtype) {
          c.dtype = dtype;
          const AttentionTensors x(c);
          ExpectSameBitsForAnyThreadCount([&] {
            AttentionForward(stream_, x.ForwardArgs(c));
            AttentionBackward(stream_, x.BackwardArgs(c));
            return BytesOf({&x.o, &x.lse, &x.dq, &x.dk, &x.dv});
          });
        });
      }
    }
  }
}

TEST_F(ThreadInvarianceTest, AttentionMerge) {
  const Shape shape = {2, 101, 4, 24}, lse_shape = {2, 4, 101};
  const HostTensor o = RandomTensor(DType::kFloat32, shape, 1);
  const HostTensor lse = RandomTensor(DType::kFloat32, lse_shape, 2);
  const HostTensor other_o = RandomTensor(DType::kFloat32, shape, 3);
  const HostTensor other_lse = RandomTensor(DType::kFloat32, lse_shape, 4);
  ExpectSameBitsForAnyThreadCount([&] {
    const HostTensor merged = CopyOf(o), merged_lse = CopyOf(lse);
    AttentionMerge(stream_, {.o = merged,
                             .lse = merged_lse,
                             .other_o = other_o,
                             .other_lse = other_lse});
    return BytesOf({&merged, &merged_lse});
  });
}

// Kernels that work element by element.
class CutInvarianceTest : public ThreadInvarianceTest {
 protected:
  static constexpr int64_t kElements = 3 * 4096 + 1037;

  // A call of the kernel on a range.
  using Range = std::function<void(int64_t begin, int64_t count)>;

  // Expects the bits of `result()` to be the same however the range is cut and
  // however many threads work on it. `prepare` sets the results to what they
  // are before the kernel runs.
  static void Check(const std::function<void()>& prepare, const Range& run,
                    const std::function<std::vector<char>()>& result) {
    prepare();
    run(0, kElements);
    const std::vector<char> whole = result();
    for (const int64_t cut : std::initializer_list<int64_t>{
             1, 7, 15, 16, 17, 4095, 4096, 4097, 8205, kElements - 1}) {
      ExpectSameBitsForAnyThreadCount([&] {
        prepare();
        run(cut, kElements - cut);
        run(0, cut);
        EXPECT_TRUE(result() == whole) << "cut at " << cut;
        return result();
      });
    }
  }
};

TEST_F(CutInvarianceTest, AdamW) {
  const Shape shape = {kElements};
  const HostTensor gradient = RandomTensor(DType::kFloat32, shape, 1);
  const HostTensor param(DType::kFloat32, shape), m(DType::kFloat32, shape);
  const HostTensor v(DType::kFloat32, shape), weight(DType::kBFloat16, shape);
  const HostTensor old_param = RandomTensor(DType::kFloat32, shape, 2);
  const HostTensor old_m = RandomTensor(DType::kFloat32, shape, 3, 0.1);
  const HostTensor old_v = RandomTensor(DType::kFloat32, shape, 4, 0.1);
  for (int64_t i = 0; i < kElements; ++i) {
    old_v.view().Data<float>()[i] = std::abs(old_v.view().Data<float>()[i]);
  }
  ForEachTarget([&] {
    Check(
        [&] {
          Copy(stream_, param, old_param);
          Copy(stream_, m, old_m);
          Copy(stream_, v, old_v);
        },
        [&](int64_t begin, int64_t count) {
          AdamW(stream_, {.param = param.view().Slice(0, begin, count),
                          .m = m.view().Slice(0, begin, count),
                          .v = v.view().Slice(0, begin, count),
                          .weight = weight.view().Slice(0, begin, count),
                          .gradient = gradient.view().Slice(0, begin, count),
                          .gradient_scale = 0.7f,
                          .lr = 1e-3,
                          .weight_decay = 0.1,
                          .t = 3});
        },
        [&] {
          return BytesOf({&param, &m, &v, &weight});
        });
  });
}

TEST_F(CutInvarianceTest, Cast) {
  for (const DType to_type : kTypes) {
    ForEachType([&](DType from_type) {
      const HostTensor from = RandomTensor(from_type, {kElements}, 1);
      const HostTensor to(to_type, {kElements});
      Check([] {},
            [&](int64_t begin, int64_t count) {
              Cast(stream_, {.to = to.view().Slice(0, begin, count),
                             .from = from.view().Slice(0, begin, count)});
            },
            [&] { return to.bytes(); });
    });
  }
}

TEST_F(CutInvarianceTest, Add) {
  ForEachType([&](DType dtype) {
    const HostTensor x = RandomTensor(dtype, {kElements}, 1);
    const HostTensor old_y = RandomTensor(dtype, {kElements}, 2);
    const HostTensor y(dtype, {kElements});
    Check([&] { Copy(stream_, y, old_y); },
          [&](int64_t begin, int64_t count) {
            Add(stream_, {.y = y.view().Slice(0, begin, count),
                          .x = x.view().Slice(0, begin, count)});
          },
          [&] { return y.bytes(); });
  });
}

}  // namespace
}  // namespace cogdist
