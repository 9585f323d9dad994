// What the tests of attention kernels share: random cases and their launches.

#ifndef COGDIST_TESTS_KERNELS_CUDA_ATTENTION_TEST_H_
#define COGDIST_TESTS_KERNELS_CUDA_ATTENTION_TEST_H_

#include <algorithm>
#include <vector>

#include "kernels/cuda/attention_launch.h"
#include "tests/kernels/attention_reference.h"
#include "tests/kernels/cuda/gpu_test.h"

namespace cogdist {

class AttentionGpuTest : public GpuTest {
 protected:
  // Tensors of a case on the device.
  struct Memory {
    cuda::HeadsView q, k, v, d_o, o, dq, dk, dv;
    cuda::StatisticsView lse;
    float* delta;
    cuda::AttentionProblem problem;
  };

  // Elements behind each head, row and sequence that belong to others, as in a
  // fused projection; nobody writes them here, so that reading them is a fault.
  struct Gaps {
    int64_t head = 0, row = 0, sequence = 0;
  };
  Gaps gaps_;

  cuda::HeadsView Make(const HostTensor& x, const char* name) {
    const Shape& shape = x.view().shape;
    cuda::HeadsView view = {.type = ElementTypeOf(x.view().dtype)};
    view.head_stride = shape.dim(3) + gaps_.head;
    view.row_stride = shape.dim(2) * view.head_stride + gaps_.row;
    view.batch_stride = shape.dim(1) * view.row_stride + gaps_.sequence;
    view.data =
        Allocate(x.view().dtype, shape.dim(0) * view.batch_stride, name);
    return view;
  }
  // Calls f(host, device, bytes) for what lies together.
  template <typename F>
  static void ForEachHead(const HostTensor& x, const cuda::HeadsView& view,
                          const F& f) {
    const Shape& shape = x.view().shape;
    const int64_t element = SizeOf(x.view().dtype);
    char* host = static_cast<char*>(x.view().data);
    for (int64_t b = 0; b < shape.dim(0); ++b) {
      for (int64_t row = 0; row < shape.dim(1); ++row) {
        for (int64_t head = 0; head < shape.dim(2); ++head) {
          const int64_t at = b * view.batch_stride + row * view.row_stride +
                             head * view.head_stride;
          f(host, static_cast<char*>(view.data) + at * element,
            shape.dim(3) * element);
          host += shape.dim(3) * element;
        }
      }
    }
  }
  cuda::HeadsView Put(const HostTensor& x, const char* name) {
    const cuda::HeadsView to = Make(x, name);
    ForEachHead(x, to, [&](const char* host, char* device, int64_t bytes) {
      emulator_.memory().Write(device, host, bytes);
    });
    return to;
  }
  void Fetch(const cuda::HeadsView& from, const HostTensor& to) {
    ForEachHead(to, from, [&](char* host, const char* device, int64_t bytes) {
      const auto report = emulator_.memory().Read(host, device, bytes);
      if (report) emulator_.AddReport(*report);
    });
  }

  // Statistics and documents as slices of longer sequences, as around a ring.
  static constexpr int64_t kGap = 3;

  cuda::StatisticsView MakeStatistics(const AttentionCase& c) {
    const int64_t row = c.q_len + kGap;
    return {.data = Allocate<float>(c.batch * c.heads * row, "lse"),
            .batch_stride = c.heads * row,
            .head_stride = row};
  }
  void Fetch(const cuda::StatisticsView& from, const HostTensor& to) {
    const Shape& shape = to.view().shape;
    float* next = to.view().Data<float>();
    for (int64_t b = 0; b < shape.dim(0); ++b) {
      for (int64_t h = 0; h < shape.dim(1); ++h) {
        const float* const row =
            from.data + b * from.batch_stride + h * from.head_stride;
        for (const double x : DownloadFloats(row, shape.dim(2))) {
          *next++ = static_cast<float>(x);
        }
      }
    }
  }
  const int32_t* PutDocuments(const AttentionCase& c) {
    std::vector<int32_t> wide(c.batch * (c.q_len + kGap));
    for (int64_t b = 0; b < c.batch; ++b) {
      std::copy_n(c.document_start.begin() + b * c.q_len, c.q_len,
                  wide.begin() + b * (c.q_len + kGap));
    }
    return Upload(wide, "document_start");
  }

  Memory Prepare(const AttentionCase& c, const AttentionTensors& x) {
    Memory m = {.q = Put(x.q, "q"),
                .k = Put(x.k, "k"),
                .v = Put(x.v, "v"),
                .d_o = Put(x.d_o, "d_o"),
                .o = Make(x.o, "o"),
                .dq = Make(x.dq, "dq"),
                .dk = Make(x.dk, "dk"),
                .dv = Make(x.dv, "dv"),
                .lse = MakeStatistics(c),
                .delta = Allocate<float>(x.lse.view().num_elements(), "delta"),
                .problem = {.batch = c.batch,
                            .q_len = c.q_len,
                            .kv_len = c.kv_len,
                            .heads = c.heads,
                            .kv_heads = c.kv_heads,
                            .head_dim = c.head_dim,
                            .cog = c.kind == AttentionKind::kCog,
                            .causal = c.causal,
                            .query_offset = c.query_offset,
                            .key_offset = c.key_offset,
                            .scale = c.scale()}};
    if (!c.document_start.empty()) {
      m.problem.document_start = PutDocuments(c);
      m.problem.document_stride = c.q_len + kGap;
    }
    return m;
  }
  static cuda::AttentionForwardLaunch Forward(const Memory& m) {
    return {.o = m.o,
            .lse = m.lse,
            .q = m.q,
            .k = m.k,
            .v = m.v,
            .problem = m.problem};
  }
  static cuda::AttentionBackwardLaunch Backward(const Memory& m) {
    return {.dq = m.dq,
            .dk = m.dk,
            .dv = m.dv,
            .delta = m.delta,
            .d_o = m.d_o,
            .o = m.o,
            .lse = m.lse,
            .q = m.q,
            .k = m.k,
            .v = m.v,
            .problem = m.problem};
  }
  // Results of the forward pass to the host, where they are compared.
  void FetchForward(const Memory& m, const AttentionTensors& x) {
    Fetch(m.o, x.o);
    Fetch(m.lse, x.lse);
  }
  void FetchBackward(const Memory& m, const AttentionTensors& x) {
    Fetch(m.dq, x.dq);
    Fetch(m.dk, x.dk);
    Fetch(m.dv, x.dv);
  }

  // Few keys in the middle of many queries with documents, whose borders are
  // searched for in several steps.
  static AttentionCase KeysAmongDocuments(int64_t head_dim) {
    return {.q_len = 1100,
            .kv_len = 70,
            .head_dim = head_dim,
            .key_offset = 500,
            .document_start = RandomDocuments(1, 1100, 0)};
  }

  // Masks and lengths of a case, with or without which its kernel can be
  // called.
  static AttentionCase Draw(uint64_t seed,
                            std::initializer_list<int64_t> lengths,
                            std::initializer_list<int64_t> head_dims) {
    CaseDice dice(seed);
    AttentionCase c;
    c.batch = dice.OneOf<int64_t>({1, 1, 1, 2});
    c.q_len = dice.OneOf(lengths);
    c.kv_len = dice.Flip() ? c.q_len : dice.OneOf(lengths);
    c.kv_heads = dice.OneOf<int64_t>({1, 1, 2});
    c.heads = c.kv_heads * dice.Between(1, 2);
    c.head_dim = dice.OneOf(head_dims);
    c.kind = dice.OneOf(
        {AttentionKind::kCog, AttentionKind::kCog, AttentionKind::kSoftmax});
    c.causal = dice.Flip();
    // With offsets as context parallelism has them: also rows that see nothing.
    c.query_offset = dice.OneOf<int64_t>({0, 0, 40});
    c.key_offset = dice.OneOf<int64_t>({0, 0, 30});
    if (dice.Between(0, 2) == 0) {
      c.document_start = RandomDocuments(c.batch, c.q_len,
                                         static_cast<int32_t>(c.query_offset));
    }
    return c;
  }
};

}  // namespace cogdist

#endif  // COGDIST_TESTS_KERNELS_CUDA_ATTENTION_TEST_H_
