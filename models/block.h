// One pre-norm transformer block,
//   x = x + Attention(RMSNorm(x));  x = x + Mlp(RMSNorm(x)),
// with a choice of what the backward pass finds stored and what it recomputes.

#ifndef COGDIST_MODELS_BLOCK_H_
#define COGDIST_MODELS_BLOCK_H_

#include <string>

#include "models/attention.h"
#include "models/mlp.h"
#include "models/norm.h"

namespace cogdist {

// See ActivationCheckpointing in proto/run_config.proto.
enum class Recompute { kNothing, kSelective, kBlock };

class Block {
 public:
  // What is recomputed is absent: with kSelective the outputs of the norms and
  // `mlp`, with kBlock all but `x`.
  struct Saved {
    Arena::Mark begin = 0;     // releasing to it gives the whole struct back
    TensorView x;              // [held rows, hidden]: the block's input
    ShardedRows attention_in;  // RMSNorm(x)
    Attention::Saved attention;
    TensorView middle;   // [held rows, hidden]: x + attention
    ShardedRows mlp_in;  // RMSNorm(middle)
    Mlp::Saved mlp;
    TensorView attention_rstd, mlp_rstd;  // [held rows], of the norms
  };

  // Buffers of the whole network that outlive a block's forward pass.
  struct Shared {
    // The pending addition to the residual.
    TensorView delta;  // [held rows, hidden]
    // Saved::middle and the norms' outputs where those are not kept.
    TensorView middle;  // [held rows, hidden]
    TensorView normed;  // [rows, hidden]
  };

  Block(const ParamRegistry& registry, const std::string& prefix,
        const Attention::Config& attention, const Mlp::Config& mlp,
        double norm_eps);

  // Advances `stream`; its x and delta then lie in Saved or Shared.
  Saved Forward(const LayerContext& ctx, ResidualStream& stream,
                const Shared& shared, const SequenceLayout& layout,
                Recompute recompute) const;

  // `d`, the gradient of the block's output [held rows, hidden], becomes that
  // of its input. Gives the arena back to saved.begin.
  void Backward(const LayerContext& ctx, TensorView d, const Saved& saved,
                const Shared& shared, const SequenceLayout& layout) const;

  // Forward without anything kept, for generation; see Attention::Decode.
  void Decode(const LayerContext& ctx, ResidualStream& stream,
              const Shared& shared, const SequenceLayout& layout,
              const KeyValueCache& cache) const;

 private:
  // From the stream to `mlp_in`; the tensors of `saved` are allocated but for
  // `attention`.
  void ForwardAttention(const LayerContext& ctx, Saved& saved,
                        const ResidualStream& stream, const Shared& shared,
                        const SequenceLayout& layout) const;
  // Makes what Forward did not keep.
  Saved Complete(const LayerContext& ctx, Saved saved, const Shared& shared,
                 const SequenceLayout& layout) const;

  int64_t hidden_;
  RmsNorm attention_norm_;
  Attention attention_;
  RmsNorm mlp_norm_;
  Mlp mlp_;
};

}  // namespace cogdist

#endif  // COGDIST_MODELS_BLOCK_H_
