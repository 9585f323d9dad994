// What a training step sends, in closed form: the bytes of all ranks together,
// by kind. The formulas count what the mathematics needs, and know nothing of
// the code that sends it.
//
// n ranks that gather a tensor of S bytes of which each has a part, or sum
// tensors of S bytes to parts, send (n - 1) S together, whatever the parts are:
// on its way to all, every part is sent n - 1 times. (A rank sends (n - 1) / n
// S where the parts are even.) An all-reduce does both: 2 (n - 1) S.

#ifndef COGDIST_TESTS_TESTING_BYTE_FORMULAS_H_
#define COGDIST_TESTS_TESTING_BYTE_FORMULAS_H_

#include <algorithm>

#include "launcher/config.h"
#include "launcher/memory_plan.h"
#include "parallel/partition.h"
#include "tests/testing/random_layout.h"

namespace cogdist::testing {

class ByteFormulas {
 public:
  explicit ByteFormulas(const LayoutRun& run)
      : config_(run.config),
        data_(run.world / (t_ * c_ * p_)),
        m_(config_.batch().global_batch_size() /
           (data_ * SequencesPerPass(config_))) {}

  CommunicationPlan Totals() const {
    return {.tensor = Tensor() + Gains(),
            .context = Context(),
            .pipeline = Pipeline(),
            .data = Data(),
            .shared = KeyValueCopies() + TiedTables()};
  }

 private:
  // Of a tensor group's traffic, which there are data x context x chunks of:
  //
  //   a layer    attention and MLP each sum partial products forward, to the
  //              residual stream, and backward, to the norm's output: four
  //              all-reduces, 8 x.
  //     sequence parallel: an all-reduce is the gathering before a column-
  //              parallel product and the reduce-scatter behind a row-parallel
  //              one, 8 x again; and the inputs of the two column-parallel
  //              products, kept sharded, are gathered for the gradients of
  //              their weights: 10 x.
  //     FULL recomputation repeats the forward pass but for the last product:
  //              one all-reduce, 2 x. Sequence parallel: two gatherings and a
  //              reduce-scatter, 3 x, but the gathered inputs then serve the
  //              gradients of the weights: 1 x more.
  //     SELECTIVE: repeats the norms only; the gathered input of the MLP serves
  //              for the gradient, too.
  //   embedding  all-reduce forward, nothing backward; sequence parallel:
  //              reduce-scatter forward, gathering backward: 2 x.
  //   head       all-reduce of the gradient of its input; sequence parallel:
  //              gathering forward (kept for the gradient of the weights),
  //              reduce-scatter backward: 2 x.
  //   loss       all-reduces of one maximum and of two sums a token, float32:
  //              24 bytes a token.
  int64_t Tensor() const {
    int64_t of_layer = sequence_parallel() ? 10 : 8;
    if (full()) of_layer += sequence_parallel() ? 1 : 2;
    const int64_t of_pass = (layers_ * of_layer + 4) * x() + 24 * b_ * s_;
    return (t_ - 1) * data_ * c_ * m_ * of_pass;
  }

  // With sequence parallelism each tensor rank has the gradient of its rows:
  // all-reduced, of two norms a layer and the last one.
  int64_t Gains() const {
    if (!sequence_parallel()) return 0;
    return copies_of_sums() * (2 * layers_ + 1) * 2 * (t_ - 1) * 4 * hidden_;
  }

  // Keys and values go round the ring, c - 1 hops, forward and once more
  // backward; their gradients in float32 from the owner's successor to the
  // owner, c - 1 hops. FULL recomputation repeats the forward round. `k` bytes
  // of keys: a tensor rank has at least one key/value head.
  int64_t Context() const {
    const int64_t k = b_ * s_ * c_ * std::max(kv_heads_, t_) * head_dim_;
    const int64_t rounds = full() ? 3 : 2;
    return data_ * layers_ * m_ * (c_ - 1) * (rounds * 2 * k * e_ + 2 * k * 4);
  }

  // The residual stream and its gradient over every border between chunks.
  // Every tensor rank sends all rows, or with sequence parallelism its own.
  int64_t Pipeline() const {
    const int64_t borders = p_ * config_.parallel().virtual_pipeline() - 1;
    const int64_t copies = sequence_parallel() ? 1 : t_;
    return data_ * c_ * copies * borders * 2 * m_ * x();
  }

  // Stage 0 all-reduces the float32 gradients once. Stages 1 to 3 sum them to
  // their owners: 1 once, 2 and 3 after every micro-batch (LAYOUT_INVARIANT:
  // once, too). Weights are gathered once a step at stages 1 and 2. Stage 3
  // gathers a unit for each use: blocks forward and backward; the head once, as
  // both its passes come together; the embedding forward only, as the gradient
  // of a look-up needs no weights.
  int64_t Data() const {
    const int64_t stage = config_.parallel().zero_stage();
    const int64_t sums = stage == 0 ? 2 : stage == 1 || invariant() ? 1 : m_;
    const auto gathered = [&](int64_t uses) {
      return stage == 0 ? 0 : stage == 3 ? uses * m_ : 1;
    };
    const int64_t table = SumOverTensor([&](int64_t r) { return Table(r); });
    const int64_t block = SumOverTensor([&](int64_t r) { return Block(r); });
    const int64_t head = SumOverTensor([&](int64_t r) { return Head(r); });
    // A tied table serves look-up and head; they share one where both are on
    // one rank, unless sums must not depend on that.
    const bool two_tables = tied() && (p_ > 1 || invariant());
    const int64_t tables = two_tables ? 2 : 1;
    const int64_t uses_of_table = tied() && !two_tables ? 2 : 1;
    const int64_t elements = tables * table + layers_ * block + head;
    const int64_t gathered_elements = tables * gathered(uses_of_table) * table +
                                      layers_ * gathered(2) * block +
                                      gathered(1) * head;
    return (replicas() - 1) * (sums * 4 * elements + e_ * gathered_elements);
  }

  // k_proj and v_proj of a head that t / kv_heads ranks hold.
  int64_t KeyValueCopies() const {
    if (kv_heads_ >= t_) return 0;
    const int64_t holders = t_ / kv_heads_;
    return copies_of_sums() * layers_ * kv_heads_ * 2 * (holders - 1) * 4 * 2 *
           head_dim_ * hidden_;
  }

  // The table on the first and on the last stage: an all-reduce of two ranks.
  int64_t TiedTables() const {
    if (!tied() || p_ == 1) return 0;
    return copies_of_sums() * 2 * 4 * vocab_ * hidden_;
  }

  // Gradients that several ranks of a replica share are summed when replicas
  // have been: by every replica, or by the owner of each part.
  int64_t copies_of_sums() const {
    return config_.parallel().zero_stage() == 0 ? replicas() : 1;
  }

  // Elements of the units on tensor rank r, with the padding of each matrix.
  static int64_t Padded(int64_t elements) {
    return (elements + 127) / 128 * 128;
  }
  int64_t Part(int64_t n, int64_t r) const {
    return EvenPart(n, static_cast<int>(t_), static_cast<int>(r)).count;
  }
  int64_t Table(int64_t r) const { return Padded(Part(vocab_, r) * hidden_); }
  int64_t Block(int64_t r) const {
    const int64_t q = model_.num_heads() / t_ * head_dim_;
    const int64_t kv = std::max<int64_t>(kv_heads_ / t_, 1) * head_dim_;
    const int64_t ffn = Part(model_.ffn_size(), r);
    return 2 * Padded(hidden_) + Padded((q + 2 * kv) * hidden_) +
           Padded(q * hidden_) + Padded(2 * ffn * hidden_) +
           Padded(ffn * hidden_);
  }
  int64_t Head(int64_t r) const {
    return Padded(hidden_) + (tied() ? 0 : Table(r));
  }
  template <typename Size>
  int64_t SumOverTensor(const Size& size) const {
    int64_t sum = 0;
    for (int64_t r = 0; r < t_; ++r) sum += size(r);
    return sum;
  }

  int64_t x() const { return b_ * s_ * hidden_ * e_; }
  int64_t replicas() const { return data_ * c_; }
  bool sequence_parallel() const {
    return config_.parallel().sequence_parallel() && t_ > 1;
  }
  bool full() const { return config_.activation_checkpointing() == FULL; }
  bool tied() const { return model_.tie_embeddings(); }
  bool invariant() const { return config_.deterministic() == LAYOUT_INVARIANT; }

  const RunConfig config_;
  const CogformerConfig& model_ = config_.model().cogformer();
  const int64_t t_ = config_.parallel().tensor();
  const int64_t c_ = config_.parallel().context();
  const int64_t p_ = config_.parallel().pipeline();
  const int64_t data_;
  const int64_t m_;  // micro-batches
  const int64_t b_ = SequencesPerPass(config_);
  const int64_t s_ = config_.data().seq_len() / c_;
  const int64_t e_ = config_.precision() == BF16 ? 2 : 4;
  const int64_t layers_ = model_.num_layers();
  const int64_t hidden_ = model_.hidden_size();
  const int64_t vocab_ = model_.vocab_size();
  const int64_t kv_heads_ = model_.num_kv_heads();
  const int64_t head_dim_ = model_.head_dim();
};

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_BYTE_FORMULAS_H_
