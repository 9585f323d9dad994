// More heads than grid.y and grid.z can have blocks.

#include "kernels/cuda/attention_split.h"
#include "tests/kernels/cuda/attention_test.h"

namespace cogdist {
namespace {

constexpr int64_t kBatch = 33000, kHeads = 2;
constexpr int64_t kKeys = 2;
// The emulator runs some blocks of each launch. All launches here have one for
// each head, so these are the same heads.
constexpr unsigned kBlocksRun = 7;

class AttentionPlaceTest : public AttentionGpuTest {
 protected:
  // Sequences start 16 bytes behind each other and overlap: small, but no two
  // are alike.
  struct Input {
    double Get(int64_t b, int64_t row, int64_t head, int64_t d) const {
      return values.Get(b * view.batch_stride + row * view.row_stride +
                        head * view.head_stride + d);
    }
    HostTensor values;
    cuda::HeadsView view;
  };
  Input Put(const AttentionCase& c, int64_t length, uint64_t seed) {
    const int64_t step = 16 / SizeOf(c.dtype);
    const int64_t row = kHeads * c.head_dim;
    HostTensor values =
        RandomTensor(c.dtype, {kBatch * step + length * row}, seed);
    const cuda::HeadsView view = {.data = Upload(values, "input"),
                                  .batch_stride = step,
                                  .row_stride = row,
                                  .head_stride = c.head_dim,
                                  .type = ElementTypeOf(c.dtype)};
    return {std::move(values), view};
  }
  cuda::HeadsView MakeOutput(int64_t length, int64_t head_dim) {
    const int64_t row = kHeads * head_dim;
    return {.data = Allocate<float>(kBatch * length * row, "output"),
            .batch_stride = length * row,
            .row_stride = row,
            .head_stride = head_dim};
  }

  // Fetches what belongs to one head; false if no block has written it.
  bool FetchHead(const cuda::HeadsView& from, int64_t b, int64_t head,
                 const HostTensor& to) {
    const int64_t length = to.view().dim(1), head_dim = to.view().dim(3);
    const int64_t element = SizeOf(to.view().dtype);
    for (int64_t row = 0; row < length; ++row) {
      const int64_t at = b * from.batch_stride + row * from.row_stride +
                         head * from.head_stride;
      const auto missing = emulator_.memory().Read(
          static_cast<char*>(to.view().data) + row * head_dim * element,
          static_cast<const char*>(from.data) + at * element,
          head_dim * element);
      if (missing) return false;
    }
    return true;
  }
  static void CopyHead(const Input& from, int64_t b, int64_t head,
                       HostTensor& to) {
    const int64_t length = to.view().dim(1), head_dim = to.view().dim(3);
    for (int64_t row = 0; row < length; ++row) {
      for (int64_t d = 0; d < head_dim; ++d) {
        to.Set(row * head_dim + d, from.Get(b, row, head, d));
      }
    }
  }

  void Run(const AttentionCase& one, bool mma) {
    emulator_.Reset({.seed = 1, .most_blocks = kBlocksRun});
    const Input q = Put(one, 1, 1), k = Put(one, kKeys, 2),
                v = Put(one, kKeys, 3), d_o = Put(one, 1, 4);
    const Memory m = {.q = q.view,
                      .k = k.view,
                      .v = v.view,
                      .d_o = d_o.view,
                      .o = MakeOutput(1, one.head_dim),
                      .dq = MakeOutput(1, one.head_dim),
                      .dk = MakeOutput(kKeys, one.head_dim),
                      .dv = MakeOutput(kKeys, one.head_dim),
                      .lse = {.data = Allocate<float>(kBatch * kHeads, "lse"),
                              .batch_stride = kHeads,
                              .head_stride = 1},
                      .delta = Allocate<float>(kBatch * kHeads, "delta"),
                      .problem = {.batch = kBatch,
                                  .q_len = 1,
                                  .kv_len = kKeys,
                                  .heads = kHeads,
                                  .kv_heads = kHeads,
                                  .head_dim = one.head_dim,
                                  .cog = false,
                                  .causal = false,
                                  .scale = one.scale()}};
    if (mma) {
      cuda::LaunchAttentionForwardMma(stream(), Forward(m));
      cuda::LaunchAttentionBackwardMma(stream(), Backward(m));
    } else {
      cuda::LaunchAttentionForwardSimt(stream(), Forward(m));
      cuda::LaunchAttentionBackwardSimt(stream(), Backward(m));
    }
    ExpectClean();
    ExpectHeads(one, m, {&q, &k, &v, &d_o});
  }

  struct Inputs {
    const Input *q, *k, *v, *d_o;
  };
  void ExpectHeads(const AttentionCase& one, const Memory& m,
                   const Inputs& inputs) {
    unsigned written = 0;
    bool last = false;
    for (int64_t b = 0; b < kBatch; ++b) {
      for (int64_t head = 0; head < kHeads; ++head) {
        AttentionTensors x(one);
        const HostTensor o(DType::kFloat32, one.q_shape());
        last = FetchHead(m.o, b, head, o);
        if (!last) continue;
        for (int64_t d = 0; d < one.head_dim; ++d) x.o.Set(d, o.Get(d));
        SCOPED_TRACE(b * kHeads + head);
        ++written;
        CopyHead(*inputs.q, b, head, x.q);
        CopyHead(*inputs.k, b, head, x.k);
        CopyHead(*inputs.v, b, head, x.v);
        CopyHead(*inputs.d_o, b, head, x.d_o);
        EXPECT_TRUE(FetchHead(m.dq, b, head, x.dq));
        EXPECT_TRUE(FetchHead(m.dk, b, head, x.dk));
        EXPECT_TRUE(FetchHead(m.dv, b, head, x.dv));
        const float* const lse = m.lse.data + b * kHeads + head;
        x.lse.Set(0, DownloadFloats(lse, 1)[0]);
        ExpectForward(one, x);
        ExpectBackward(one, x);
        ExpectClean();
      }
    }
    EXPECT_EQ(written, kBlocksRun);
    EXPECT_TRUE(last);
  }

  static AttentionCase OneHead(int64_t head_dim, DType dtype) {
    return {.kv_len = kKeys,
            .head_dim = head_dim,
            .kind = AttentionKind::kSoftmax,
            .causal = false,
            .dtype = dtype};
  }
};

TEST_F(AttentionPlaceTest, ManyHeadsSimt) {
  Run(OneHead(4, DType::kFloat32), false);
}

TEST_F(AttentionPlaceTest, ManyHeadsMma) {
  Run(OneHead(64, DType::kBFloat16), true);
}

}  // namespace
}  // namespace cogdist
