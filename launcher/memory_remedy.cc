#include "launcher/memory_remedy.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "launcher/human_format.h"
#include "launcher/training_step.h"
#include "launcher/validate.h"

namespace cogdist {
namespace {

// One value of a field that takes less memory than the one given.
struct Change {
  std::string text;
  int cost = 0;  // in time; only the order means something
  std::function<void(RunConfig&)> apply;
};
// The changes of one field, from the least to the greatest.
using Field = std::vector<Change>;
// At most one of each field.
using Combination = std::vector<const Change*>;

Field ZeroStages(const RunConfig& config, int64_t replicas) {
  constexpr int kCosts[] = {0, 1, 3, 6};
  Field field;
  if (replicas == 1) return field;
  for (int64_t i = config.parallel().zero_stage() + 1; i <= 3; ++i) {
    field.push_back({absl::StrCat("parallel.zero_stage: ", i), kCosts[i],
                     [i](RunConfig& changed) {
                       changed.mutable_parallel()->set_zero_stage(i);
                     }});
  }
  return field;
}

Field SequenceParallel(const RunConfig& config) {
  if (config.parallel().sequence_parallel()) return {};
  return {{"parallel.sequence_parallel: true", 2, [](RunConfig& changed) {
             changed.mutable_parallel()->set_sequence_parallel(true);
           }}};
}

Field MoreCheckpointing(const RunConfig& config) {
  constexpr std::pair<ActivationCheckpointing, int> kModes[] = {{SELECTIVE, 4},
                                                                {FULL, 7}};
  Field field;
  for (const auto& [mode, cost] : kModes) {
    if (mode <= config.activation_checkpointing()) continue;
    field.push_back({absl::StrCat("activation_checkpointing: ",
                                  ActivationCheckpointing_Name(mode)),
                     cost, [mode = mode](RunConfig& changed) {
                       changed.set_activation_checkpointing(mode);
                     }});
  }
  return field;
}

Field MicroBatch(const RunConfig& config) {
  if (config.batch().micro_batch_size() == 1) return {};
  return {{"batch.micro_batch_size: 1", 5, [](RunConfig& changed) {
             changed.mutable_batch()->set_micro_batch_size(1);
           }}};
}

// Degrees that take over ranks of the data degree; which of them the model
// allows is left to validation.
Field Tensor(const RunConfig& config, int64_t data_ranks) {
  const int64_t now = config.parallel().tensor();
  const int64_t heads = config.model().cogformer().num_heads();
  Field field;
  for (int64_t factor = 2; factor <= data_ranks; ++factor) {
    if (data_ranks % factor != 0 || heads % (now * factor) != 0) continue;
    const int64_t degree = now * factor;
    field.push_back({absl::StrCat("parallel.tensor: ", degree),
                     8 + static_cast<int>(field.size()),
                     [degree](RunConfig& changed) {
                       changed.mutable_parallel()->set_tensor(degree);
                     }});
  }
  return field;
}

int Cost(const Combination& changes) {
  return absl::c_accumulate(
      changes, 0, [](int sum, const Change* c) { return sum + c->cost; });
}

void SortByCost(std::vector<Combination>& combinations) {
  absl::c_stable_sort(combinations,
                      [](const Combination& a, const Combination& b) {
                        return Cost(a) < Cost(b);
                      });
}

// One change of every field in `fields`.
std::vector<Combination> AllOf(const std::vector<const Field*>& fields) {
  std::vector<Combination> all = {{}};
  for (const Field* field : fields) {
    std::vector<Combination> longer;
    for (const Combination& start : all) {
      for (const Change& change : *field) {
        longer.push_back(start);
        longer.back().push_back(&change);
      }
    }
    all = std::move(longer);
  }
  SortByCost(all);
  return all;
}

// Sets of fields, small ones first.
std::vector<std::vector<const Field*>> SetsOf(
    const std::vector<Field>& fields) {
  std::vector<std::vector<const Field*>> sets;
  for (unsigned bits = 1; bits < 1u << fields.size(); ++bits) {
    sets.emplace_back();
    for (size_t i = 0; i < fields.size(); ++i) {
      if ((bits >> i & 1) != 0) sets.back().push_back(&fields[i]);
    }
  }
  const auto least_cost = [](const std::vector<const Field*>& set) {
    return absl::c_accumulate(set, 0, [](int sum, const Field* field) {
      return sum + field->front().cost;
    });
  };
  absl::c_stable_sort(sets, [&](const auto& a, const auto& b) {
    return std::pair(a.size(), least_cost(a)) <
           std::pair(b.size(), least_cost(b));
  });
  return sets;
}

class Search {
 public:
  Search(const RunConfig& config, int world_size, absl::Span<const int> ranks,
         const MemoryLimit& limit)
      : config_(config),
        world_size_(world_size),
        ranks_(ranks),
        limit_(limit) {}

  // The cheapest combination that fits, from the smallest set of fields.
  std::optional<MemoryRemedy> Run(const std::vector<Field>& fields) {
    for (const std::vector<const Field*>& set : SetsOf(fields)) {
      const std::vector<Combination> all = AllOf(set);
      // The greatest changes first: if these are too little, so are the others.
      if (set.size() > 1 && !Try(all.back()).has_value()) continue;
      for (const Combination& changes : all) {
        const std::optional<MemoryNeed> need = Try(changes);
        if (need.has_value()) return MemoryRemedy{TextOf(changes), *need};
      }
    }
    return std::nullopt;
  }

 private:
  // What is needed then, if that is a valid run, and fits.
  std::optional<MemoryNeed> Try(const Combination& changes) {
    RunConfig changed = config_;
    for (const Change* change : changes) change->apply(changed);
    const bool in_vain = changed.parallel().sequence_parallel() &&
                         changed.parallel().tensor() == 1;
    if (in_vain || !ValidateConfig(changed, {.world_size = world_size_,
                                             .check_files = false})
                        .ok()) {
      return std::nullopt;
    }
    const std::optional<MemoryNeed> need = NeedOf(changed);
    if (!need.has_value() || need->total > limit_.bytes) {
      return std::nullopt;
    }
    return need;
  }

  std::optional<MemoryNeed> NeedOf(const RunConfig& config) {
    const auto mesh = Mesh::Create(world_size_, config.parallel());
    if (!mesh.ok()) return std::nullopt;
    // Stages between the first and the last need about the same.
    const int last = mesh->size(MeshAxis::kPipeline) - 1;
    std::map<int, int64_t> by_stage;
    MemoryNeed need;
    for (const int rank : ranks_) {
      int stage = mesh->Index(MeshAxis::kPipeline, rank);
      if (stage > 0 && stage < last) stage = 1;
      if (by_stage.count(stage) == 0) {
        layers_left_ -= config.model().cogformer().num_layers() / (last + 1);
        if (layers_left_ < 0) return std::nullopt;
        const auto plan =
            TrainingStep::Plan(config, *mesh, rank, limit_.device);
        if (!plan.ok()) return std::nullopt;
        by_stage[stage] = limit_.NeedOf(plan->memory);
      }
      need.total += by_stage[stage];
      need.largest = std::max(need.largest, by_stage[stage]);
    }
    return need;
  }

  static std::string TextOf(const Combination& changes) {
    return absl::StrJoin(changes, " and ",
                         [](std::string* out, const Change* change) {
                           absl::StrAppend(out, change->text);
                         });
  }

  const RunConfig& config_;
  const int world_size_;
  const absl::Span<const int> ranks_;
  const MemoryLimit limit_;
  int64_t layers_left_ = 2000;  // to plan: some seconds
};

}  // namespace

std::string FormatLeft(const MemoryLimit& limit, int world_size) {
  const bool shared = limit.device == DeviceType::kCuda && world_size > 1;
  return absl::StrCat(FormatBytes(limit.bytes), " left",
                      shared ? " beside what NCCL takes" : "");
}

std::string FormatNeed(const MemoryNeed& need, size_t ranks) {
  if (ranks == 1) return FormatBytes(need.total);
  return absl::StrCat(FormatBytes(need.total), " (", FormatBytes(need.largest),
                      " a rank at most)");
}

std::optional<MemoryRemedy> FindMemoryRemedy(const RunConfig& config,
                                             int world_size,
                                             absl::Span<const int> ranks,
                                             const MemoryLimit& limit) {
  const ParallelConfig& parallel = config.parallel();
  const int64_t data_ranks =
      world_size /
      (parallel.tensor() * parallel.context() * parallel.pipeline());
  std::vector<Field> fields = {
      ZeroStages(config, data_ranks * parallel.context()),
      SequenceParallel(config), MoreCheckpointing(config), MicroBatch(config),
      Tensor(config, data_ranks)};
  std::erase_if(fields, [](const Field& field) { return field.empty(); });
  return Search(config, world_size, ranks, limit).Run(fields);
}

}  // namespace cogdist
