#include <algorithm>
#include <numeric>

#include "launcher/config.h"
#include "launcher/validate_rules.h"
#include "parallel/grad_sync.h"

namespace cogdist {
namespace {

void CheckTensor(const RunConfig& config, Faults& faults) {
  const CogformerConfig& model = config.model().cogformer();
  const int64_t tensor = config.parallel().tensor();
  const int64_t heads = model.num_heads();
  const int64_t kv_heads = model.num_kv_heads();
  if (tensor <= 1 || heads < 1) return;
  if (heads % tensor != 0) {
    faults.Add("parallel.tensor", tensor, " ranks cannot share num_heads ",
               heads, " evenly; use ", NearestDivisors(tensor, heads));
  } else if (kv_heads > 0 && kv_heads % tensor != 0 && tensor % kv_heads != 0) {
    faults.Add("parallel.tensor", tensor, " ranks cannot share num_kv_heads ",
               kv_heads, " evenly, nor hold one each; use ",
               NearestDivisors(tensor, heads, [&](int64_t ranks) {
                 return kv_heads % ranks == 0 || ranks % kv_heads == 0;
               }));
  }
  const int64_t narrowest = std::min(model.ffn_size(), model.vocab_size());
  if (narrowest >= 1 && tensor > narrowest) {
    faults.Add("parallel.tensor", tensor,
               " is more than ffn_size or vocab_size, ", narrowest, "; use ",
               NearestDivisors(tensor, heads, [&](int64_t ranks) {
                 return ranks <= narrowest;
               }));
  }
}

// Every tensor rank has rows of every activation.
void CheckSequenceParallel(const RunConfig& config, Faults& faults) {
  const ParallelConfig& parallel = config.parallel();
  const int64_t sequences = SequencesPerPass(config);
  const int64_t seq_len = config.data().seq_len();
  if (!parallel.sequence_parallel() || parallel.context() < 1) return;
  if (sequences < 1 || seq_len < 1) return;
  // No overflow: a pass with too many tokens is a fault of its own.
  const int64_t tokens = seq_len / parallel.context();
  if (tokens >= parallel.tensor() || tokens * sequences >= parallel.tensor()) {
    return;
  }
  faults.Add("parallel.sequence_parallel", "true shares the ",
             tokens * sequences, " tokens of a pass (micro_batch_size * data.",
             "seq_len / context) over ", parallel.tensor(),
             " tensor-parallel ranks; use false, or a longer data.seq_len");
}

void CheckPipeline(const RunConfig& config, Faults& faults) {
  const ParallelConfig& parallel = config.parallel();
  const int64_t layers = config.model().cogformer().num_layers();
  if (parallel.pipeline() < 1 || parallel.virtual_pipeline() < 1) return;
  if (parallel.virtual_pipeline() > 1 && parallel.pipeline() == 1) {
    faults.Add("parallel.virtual_pipeline", parallel.virtual_pipeline(),
               " chunks a rank take a pipeline of several ranks; use 1, or set "
               "parallel.pipeline");
    return;
  }
  const int64_t chunks = parallel.pipeline() * parallel.virtual_pipeline();
  if (layers >= 1 && chunks > layers) {
    faults.Add(
        "parallel.pipeline", parallel.pipeline(),
        " ranks with virtual_pipeline ", parallel.virtual_pipeline(), " are ",
        chunks, " chunks, more than num_layers ", layers, "; use ",
        std::max<int64_t>(layers / parallel.virtual_pipeline(), 1), " or less");
    return;
  }
  const auto& listed = parallel.layers_per_stage();
  if (listed.empty()) return;
  if (listed.size() != chunks) {
    faults.Add("parallel.layers_per_stage", "lists ", listed.size(),
               " stages; there are pipeline * virtual_pipeline = ", chunks);
    return;
  }
  const int64_t sum = std::accumulate(listed.begin(), listed.end(), int64_t{0});
  if (sum != layers || *std::min_element(listed.begin(), listed.end()) < 1) {
    faults.Add("parallel.layers_per_stage", "sums to ", sum,
               "; every stage has at least one layer, and together they have "
               "num_layers ",
               layers);
  }
}

void CheckContext(const RunConfig& config, Faults& faults) {
  const int64_t context = config.parallel().context();
  const int64_t seq_len = config.data().seq_len();
  if (context <= 1 || seq_len < 1 || seq_len % (2 * context) == 0) return;
  faults.Add("parallel.context", context, " ranks hold two pieces of data.seq_",
             "len ", seq_len, " each, which ", 2 * context,
             " does not divide; set data.seq_len: ",
             NearestMultiples(seq_len, 2 * context));
}

}  // namespace

void CheckParallel(const RunConfig& config, Faults& faults) {
  CheckTensor(config, faults);
  CheckSequenceParallel(config, faults);
  CheckPipeline(config, faults);
  CheckContext(config, faults);
}

void CheckDeterministic(const RunConfig& config, Faults& faults) {
  if (config.deterministic() != LAYOUT_INVARIANT || config.device() != CUDA) {
    return;
  }
  faults.Add("deterministic",
             "LAYOUT_INVARIANT works on CPUs only: on GPUs, NCCL chooses the "
             "order in which it sums over ranks, and cuBLASLt how it sums "
             "within a product; use RUN_TO_RUN, or device: CPU");
}

void CheckLayoutInvariant(const RunConfig& config, int64_t world_size,
                          Faults& faults) {
  if (config.deterministic() != LAYOUT_INVARIANT) return;
  const int64_t context = config.parallel().context();
  if (context > 0 && (context & (context - 1)) != 0) {
    faults.Add("parallel.context", context,
               " is not a power of two, which deterministic: LAYOUT_INVARIANT "
               "sums over; use a power of two, or deterministic: RUN_TO_RUN");
  }
  const ParallelConfig& parallel = config.parallel();
  const int64_t ranks_per_replica =
      parallel.tensor() * parallel.pipeline() * context;
  if (ranks_per_replica < 1 || world_size % ranks_per_replica != 0) {
    return;  // see CheckLayout
  }
  const int64_t data_ranks = world_size / ranks_per_replica;
  const int64_t global = config.batch().global_batch_size();
  if (global < 1 || GradientLanes(global) % data_ranks == 0) return;
  faults.Add("deterministic", "LAYOUT_INVARIANT sums the gradients of ", global,
             " sequences in ", GradientLanes(global),
             " lanes (the largest power of two that divides "
             "batch.global_batch_size, at most 64), which ",
             data_ranks,
             " data-parallel ranks cannot share; start so that there are ",
             NearestDivisors(data_ranks, GradientLanes(global)));
}

}  // namespace cogdist
