// Every operation on a GPU against the same one on the host, which has tests
// against float64 of its own; attention against float64 itself.

#include <functional>
#include <vector>

#include "kernels/adamw.h"
#include "kernels/cast.h"
#include "kernels/cog_attention.h"
#include "kernels/column_sum.h"
#include "kernels/cross_entropy.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/gelu.h"
#include "kernels/layernorm.h"
#include "kernels/local_position.h"
#include "kernels/matmul.h"
#include "kernels/reduce.h"
#include "kernels/rmsnorm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "runtime/buffer.h"
#include "tests/kernels/attention_reference.h"
#include "tests/kernels/kernel_test.h"
#include "tests/parallel/gpu/gpu_device.h"

namespace cogdist {
namespace {

constexpr DType kF32 = DType::kFloat32;
constexpr int64_t kRows = 37, kHidden = 200, kVocab = 331;

// Tensors on one device, by the order in which an operation's test asks for
// them: the same numbers on both devices.
class Side {
 public:
  Side(Device& device, Stream& stream) : device_(device), stream_(stream) {}

  Stream& stream() { return stream_; }

  // Random numbers; drawn anew for every tensor.
  TensorView In(DType dtype, const Shape& shape, double scale = 1) {
    return Put(RandomTensor(dtype, shape, ++drawn_, scale).bytes().data(),
               dtype, shape);
  }
  TensorView Ids(const std::vector<int32_t>& ids) {
    return Put(ids.data(), DType::kInt32, {static_cast<int64_t>(ids.size())});
  }
  TensorView Put(const void* bytes, DType dtype, const Shape& shape) {
    const TensorView x = Make(dtype, shape);
    stream_.Copy(x.data, bytes, x.bytes());
    stream_.Synchronize();
    return x;
  }
  TensorView Zeros(DType dtype, const Shape& shape) {
    const TensorView x = Make(dtype, shape);
    FillZero(stream_, x);
    return Out(x);
  }
  // A result, compared in the end.
  TensorView Out(DType dtype, const Shape& shape) {
    return Out(Make(dtype, shape));
  }
  TensorView Out(const TensorView& x) {
    results_.push_back(x);
    return x;
  }

  std::vector<Doubles> Results() {
    std::vector<Doubles> results;
    for (const TensorView& x : results_) {
      std::vector<char> bytes(x.bytes());
      stream_.Copy(bytes.data(), x.data, x.bytes());
      stream_.Synchronize();
      results.push_back(Widen(bytes, x.dtype));
    }
    return results;
  }
  const std::vector<TensorView>& tensors() const { return results_; }

 private:
  TensorView Make(DType dtype, const Shape& shape) {
    auto buffer =
        Buffer::Allocate(device_, shape.num_elements() * SizeOf(dtype));
    COG_CHECK_OK(buffer.status());
    buffers_.push_back(*std::move(buffer));
    return TensorView(buffers_.back().data(), dtype, shape);
  }
  template <typename T>
  static Doubles WidenAs(const std::vector<char>& bytes) {
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    Doubles wide;
    for (const T& value : values) {
      if constexpr (std::is_same_v<T, BFloat16>) {
        wide.push_back(static_cast<float>(value));
      } else {
        wide.push_back(value);
      }
    }
    return wide;
  }
  static Doubles Widen(const std::vector<char>& bytes, DType dtype) {
    switch (dtype) {
      case DType::kFloat32:
        return WidenAs<float>(bytes);
      case DType::kBFloat16:
        return WidenAs<BFloat16>(bytes);
      case DType::kFloat64:
        return WidenAs<double>(bytes);
      default:
        return WidenAs<int32_t>(bytes);
    }
  }

  Device& device_;
  Stream& stream_;
  uint64_t drawn_ = 0;
  std::vector<Buffer> buffers_;
  std::vector<TensorView> results_;
};

class GpuKernelsTest : public ::testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    COGDIST_NEEDS_GPUS(1);
    gpu_ = OpenGpu();
    gpu_stream_ = gpu_->CreateStream();
  }
  void TearDown() override {
    gpu_stream_.reset();
    gpu_.reset();
  }

  // float32 results within rounding of sums, bfloat16 ones of the last place.
  void ExpectSameResults(const std::function<void(Side&)>& run) {
    CpuDevice cpu;
    CpuStream cpu_stream(cpu);
    Side host(cpu, cpu_stream), gpu(*gpu_, *gpu_stream_);
    run(host);
    run(gpu);
    const std::vector<Doubles> expected = host.Results();
    const std::vector<Doubles> results = gpu.Results();
    for (size_t i = 0; i < results.size(); ++i) {
      const bool wide = host.tensors()[i].dtype != DType::kBFloat16;
      EXPECT_LE(RelativeError(results[i], expected[i]), wide ? 3e-6 : 4e-3)
          << "result " << i;
    }
  }

  std::unique_ptr<Device> gpu_;
  std::unique_ptr<Stream> gpu_stream_;
};

std::vector<int32_t> SomeIds(int64_t count, int64_t below) {
  std::vector<int32_t> ids(count);
  for (int64_t i = 0; i < count; ++i) ids[i] = (i * 37 + i * i % 11) % below;
  return ids;
}

TEST_P(GpuKernelsTest, MatMul) {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      ExpectSameResults([&](Side& on) {
        const Shape a = transpose_a ? Shape({64, kRows}) : Shape({kRows, 64});
        const Shape b = transpose_b ? Shape({96, 64}) : Shape({64, 96});
        const TensorView x = on.In(GetParam(), a), y = on.In(GetParam(), b);
        const MatMulArgs args = {.c = on.Out(kF32, {kRows, 96}),
                                 .a = x,
                                 .b = y,
                                 .transpose_a = transpose_a,
                                 .transpose_b = transpose_b};
        MatMul(on.stream(), args);
        MatMulArgs again = args;
        again.accumulate = true;
        MatMul(on.stream(), again);
        again.accumulate = false;
        again.c = on.Out(GetParam(), {kRows, 96});
        MatMul(on.stream(), again);
      });
    }
  }
}

TEST_P(GpuKernelsTest, RmsNorm) {
  ExpectSameResults([](Side& on) {
    const Shape rows = {kRows, kHidden};
    const TensorView gain = on.In(GetParam(), {kHidden});
    const TensorView rstd = on.Out(kF32, {kRows});
    const TensorView sum = on.Out(GetParam(), rows);
    RmsNormForward(on.stream(), {.y = on.Out(GetParam(), rows),
                                 .rstd = rstd,
                                 .sum = sum,
                                 .x = on.In(GetParam(), rows),
                                 .residual = on.In(GetParam(), rows),
                                 .gain = gain});
    RmsNormBackward(on.stream(),
                    {.dx = on.Out(GetParam(), rows),
                     .dgain = on.Zeros(kF32, {kHidden}),
                     .dy = on.In(GetParam(), rows),
                     .x = on.In(GetParam(), rows),
                     .gain = gain,
                     .rstd = rstd,
                     .residual_gradient = on.In(GetParam(), rows)});
  });
}

TEST_P(GpuKernelsTest, LayerNorm) {
  ExpectSameResults([](Side& on) {
    const Shape rows = {kRows, kHidden};
    const TensorView gain = on.In(GetParam(), {kHidden});
    const TensorView x = on.In(GetParam(), rows);
    const TensorView mean = on.Out(kF32, {kRows}), rstd = on.Out(kF32, {kRows});
    LayerNormForward(on.stream(), {.y = on.Out(GetParam(), rows),
                                   .mean = mean,
                                   .rstd = rstd,
                                   .x = x,
                                   .gain = gain,
                                   .bias = on.In(GetParam(), {kHidden})});
    LayerNormBackward(on.stream(), {.dx = on.Out(GetParam(), rows),
                                    .dgain = on.Zeros(kF32, {kHidden}),
                                    .dbias = on.Zeros(kF32, {kHidden}),
                                    .dy = on.In(GetParam(), rows),
                                    .x = x,
                                    .gain = gain,
                                    .mean = mean,
                                    .rstd = rstd});
  });
}

TEST_P(GpuKernelsTest, Activations) {
  ExpectSameResults([](Side& on) {
    const Shape rows = {kRows, kHidden}, both = {kRows, 2 * kHidden};
    const TensorView gate_up = on.In(GetParam(), both);
    SwiGluForward(on.stream(),
                  {.y = on.Out(GetParam(), rows), .gate_up = gate_up});
    SwiGluBackward(on.stream(), {.d_gate_up = on.Out(GetParam(), both),
                                 .dy = on.In(GetParam(), rows),
                                 .gate_up = gate_up});
    const TensorView x = on.In(GetParam(), rows);
    const TensorView bias = on.In(GetParam(), {kHidden});
    GeluForward(on.stream(),
                {.y = on.Out(GetParam(), rows), .x = x, .bias = bias});
    GeluBackward(on.stream(), {.dx = on.Out(GetParam(), rows),
                               .dbias = on.Zeros(kF32, {kHidden}),
                               .dy = on.In(GetParam(), rows),
                               .x = x,
                               .bias = bias});
    ColumnSum(on.stream(), {.sum = on.Zeros(kF32, {kHidden}), .x = x});
  });
}

TEST_P(GpuKernelsTest, RopeAndPositions) {
  const std::vector<float> table = RopeTable(40, 64, 10000);
  ExpectSameResults([&](Side& on) {
    const TensorView angles = on.Put(table.data(), kF32, {2, 40, 32});
    for (const bool inverse : {false, true}) {
      Rope(on.stream(), {.x = on.Out(on.In(GetParam(), {2, 19, 3, 64})),
                         .table = angles,
                         .first_position = 5,
                         .inverse = inverse});
    }
    LocalPosition(on.stream(), {.to = on.Out(DType::kInt32, {kRows}),
                                .from = on.Ids(SomeIds(kRows, 90)),
                                .begin = {10, 50},
                                .length = 20});
  });
}

TEST_P(GpuKernelsTest, Embedding) {
  ExpectSameResults([](Side& on) {
    const TensorView ids = on.Ids(SomeIds(kRows, kVocab));
    EmbeddingForward(on.stream(), {.y = on.Out(GetParam(), {kRows, kHidden}),
                                   .table = on.In(GetParam(), {300, kHidden}),
                                   .ids = ids,
                                   .first_id = 20});
    EmbeddingBackward(on.stream(), {.dtable = on.Zeros(kF32, {300, kHidden}),
                                    .dy = on.In(GetParam(), {kRows, kHidden}),
                                    .ids = ids,
                                    .first_id = 20});
  });
}

TEST_P(GpuKernelsTest, CrossEntropy) {
  std::vector<int32_t> targets = SomeIds(kRows, kVocab);
  targets[3] = -1;
  ExpectSameResults([&](Side& on) {
    const Shape shape = {kRows, kVocab};
    const TensorView ids = on.Ids(targets), logits = on.In(kF32, shape, 3);
    CrossEntropy(on.stream(), {.loss = on.Out(kF32, {kRows}),
                               .dlogits = on.Out(GetParam(), shape),
                               .logits = logits,
                               .targets = ids,
                               .gradient_scale = 0.5f});
    const TensorView max = on.Out(kF32, {kRows}),
                     sums = on.Out(kF32, {2, kRows});
    CrossEntropyMax(on.stream(), {.max = max, .logits = logits});
    CrossEntropyStats(
        on.stream(),
        {.sums = sums, .logits = logits, .max = max, .targets = ids});
    CrossEntropyFinish(on.stream(), {.loss = on.Out(kF32, {kRows}),
                                     .dlogits = on.Out(GetParam(), shape),
                                     .logits = logits,
                                     .max = max,
                                     .sums = sums,
                                     .targets = ids});
  });
}

TEST_P(GpuKernelsTest, Optimizer) {
  ExpectSameResults([](Side& on) {
    const Shape all = {10007};
    const TensorView x = on.In(kF32, all);
    AdamW(on.stream(), {.param = on.Out(on.In(kF32, all)),
                        .m = on.Zeros(kF32, all),
                        .v = on.Zeros(kF32, all),
                        .weight = on.Out(DType::kBFloat16, all),
                        .gradient = x,
                        .gradient_scale = 0.5f,
                        .lr = 1e-3,
                        .weight_decay = 0.1,
                        .t = 3});
    Sum(on.stream(), {.out = on.Out(DType::kFloat64, {1}), .x = x});
    ChunkSumsOfSquares(
        on.stream(),
        {.out = on.Out(DType::kFloat64, {NumReduceChunks(10007)}), .x = x});
    Cast(on.stream(), {.to = on.Out(GetParam(), all), .from = x});
    Add(on.stream(),
        {.y = on.Out(on.In(GetParam(), all)), .x = on.In(GetParam(), all)});
  });
}

TensorView ToGpu(Side& on, const HostTensor& x) {
  return on.Put(x.bytes().data(), x.view().dtype, x.view().shape);
}

TEST_P(GpuKernelsTest, Attention) {
  for (const AttentionKind kind :
       {AttentionKind::kCog, AttentionKind::kSoftmax}) {
    for (const int64_t head_dim : {64, 128}) {
      const AttentionCase c = {.batch = 2,
                               .q_len = 100,
                               .kv_len = 100,
                               .heads = 4,
                               .kv_heads = 2,
                               .head_dim = head_dim,
                               .kind = kind,
                               .dtype = GetParam()};
      SCOPED_TRACE(head_dim);
      const AttentionTensors x = TensorsForGradients(c, 5);
      Side on(*gpu_, *gpu_stream_);
      const TensorView q = ToGpu(on, x.q), k = ToGpu(on, x.k),
                       v = ToGpu(on, x.v);
      const TensorView o = ToGpu(on, x.o), lse = ToGpu(on, x.lse);
      const TensorView dq = ToGpu(on, x.dq), dk = ToGpu(on, x.dk),
                       dv = ToGpu(on, x.dv);
      AttentionForward(on.stream(), {.o = o,
                                     .lse = lse,
                                     .q = q,
                                     .k = k,
                                     .v = v,
                                     .kind = kind,
                                     .scale = c.scale()});
      AttentionBackward(on.stream(), {.dq = dq,
                                      .dk = dk,
                                      .dv = dv,
                                      .d_o = ToGpu(on, x.d_o),
                                      .o = o,
                                      .lse = lse,
                                      .q = q,
                                      .k = k,
                                      .v = v,
                                      .kind = kind,
                                      .scale = c.scale()});
      for (const auto& [from, to] :
           {std::pair(&o, &x.o), std::pair(&lse, &x.lse), std::pair(&dq, &x.dq),
            std::pair(&dk, &x.dk), std::pair(&dv, &x.dv)}) {
        on.stream().Copy(to->view().data, from->data, from->bytes());
      }
      on.stream().Synchronize();
      ExpectForward(c, x);
      ExpectBackward(c, x);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GpuKernelsTest,
                         ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) {
                           return std::string(Name(info.param));
                         });

}  // namespace
}  // namespace cogdist
