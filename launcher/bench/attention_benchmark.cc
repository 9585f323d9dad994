#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/cog_attention.h"
#include "launcher/bench/device_tensors.h"
#include "launcher/bench/kernel_benchmarks.h"
#include "launcher/roofline/attention_cost.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

// Causal Cog attention, forward and backward.
absl::Status TimeAttention(const AttentionShape& shape, DType type,
                           KernelTimer& timer) {
  Stream& stream = timer.stream();
  const Shape size = {shape.batch, shape.seq, shape.heads, shape.head_dim};
  DeviceTensors tensors(stream);
  const AttentionForwardArgs forward = {
      .o = tensors.Zeros(type, size),
      .lse =
          tensors.Zeros(DType::kFloat32, {shape.batch, shape.heads, shape.seq}),
      .q = tensors.Normal(type, size),
      .k = tensors.Normal(type, size),
      .v = tensors.Normal(type, size),
      .scale = 1 / std::sqrt(static_cast<float>(shape.head_dim))};
  const AttentionBackwardArgs backward = {.dq = tensors.Zeros(type, size),
                                          .dk = tensors.Zeros(type, size),
                                          .dv = tensors.Zeros(type, size),
                                          .d_o = tensors.Normal(type, size),
                                          .o = forward.o,
                                          .lse = forward.lse,
                                          .q = forward.q,
                                          .k = forward.k,
                                          .v = forward.v,
                                          .scale = forward.scale};
  COG_RETURN_IF_ERROR(tensors.status());
  const auto name = [&](absl::string_view pass) {
    return absl::StrCat("attention ", pass, " ", Name(type), " d",
                        shape.head_dim, " T", shape.seq);
  };
  // Rates only need what does not depend on design and instructions.
  timer.Time(name("forward"), AttentionForwardCost(shape, kCogMmaSync, {}),
             [&] { AttentionForward(stream, forward); });
  timer.Time(name("backward"), AttentionBackwardCost(shape, kCogMmaSync, {}),
             [&] { AttentionBackward(stream, backward); });
  return absl::OkStatus();
}

}  // namespace

absl::Status BenchmarkAttention(const KernelShapes& shapes, DType type,
                                KernelTimer& timer) {
  for (const int64_t head_dim : shapes.head_dims) {
    const int64_t heads = shapes.hidden / head_dim;
    for (const int64_t seq : shapes.seqs) {
      COG_RETURN_IF_ERROR(TimeAttention({.batch = shapes.tokens / seq,
                                         .heads = heads,
                                         .kv_heads = heads,
                                         .seq = seq,
                                         .head_dim = head_dim},
                                        type, timer));
    }
  }
  return absl::OkStatus();
}

}  // namespace cogdist
