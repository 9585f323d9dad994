// A make-believe model on ranks as threads, whose weights and moments are
// functions of (seed, name, element), for saving on one layout and loading on
// another.

#ifndef COGDIST_TESTS_PARALLEL_CHECKPOINT_CHECKPOINT_HARNESS_H_
#define COGDIST_TESTS_PARALLEL_CHECKPOINT_CHECKPOINT_HARNESS_H_

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "parallel/checkpoint/checkpoint_slices.h"
#include "parallel/checkpoint/checkpoint_writer.h"
#include "parallel/checkpoint/restore.h"
#include "runtime/bfloat16.h"
#include "runtime/rng.h"
#include "tests/testing/fake_file_system.h"
#include "tests/testing/rank_threads.h"

namespace cogdist::testing {

struct Layout {
  int data = 1, tensor = 1, context = 1, pipeline = 1;
  int stage = 0;
  DType precision = DType::kFloat32;
  bool tied = false;   // the head is the embedding's table
  bool small = false;  // the embedding and one block only
  int ranks() const { return data * tensor * context * pipeline; }
  std::string ToString() const {
    return absl::StrCat("data ", data, " tensor ", tensor, " context ", context,
                        " pipeline ", pipeline, " stage ", stage, " ",
                        Name(precision), tied ? " tied" : "");
  }
};

// One rank's store, with the groups that its tensors need.
struct FakeModel {
  std::unique_ptr<Communicator> kv, tied;
  ParamStore params;

  // Two key/value heads: with four tensor ranks each is on two of them; an odd
  // number of ranks has both on all.
  void Register(const Layout& layout, RankContext& context) {
    Communicator& tensor = *context.groups.tensor;
    const int t = tensor.size(), r = tensor.rank();
    const int stage = context.groups.pipeline->rank();
    const bool first = stage == 0, last = stage == layout.pipeline - 1;
    const int kv_parts = t % 2 == 0 ? 2 : 1, copies = t / kv_parts;
    if (copies > 1) {
      std::vector<int> members;
      for (int i = 0; i < copies; ++i) {
        members.push_back(r / copies * copies + i);
      }
      kv = *tensor.Split(members);
    }
    if (layout.tied && layout.pipeline > 1 && (first || last)) {
      tied = *context.groups.pipeline->Split({0, layout.pipeline - 1});
    }
    const auto add = [&](NamedTensor named, bool copy = false) {
      params.Add(params.num_units() - 1,
                 {.tensors = {std::move(named)}, .init = {}, .tied = copy});
    };
    const auto table = [&] {
      NamedTensor named = ShardOf({"table", Shape({37, 131})}, 0, t, r);
      if (tied != nullptr) named.copies = {tied.get(), true};
      return named;
    };
    params.AddUnit("first");
    if (first) add(table());
    const int blocks = layout.small ? 1 : 4;
    for (int block = 0; block < blocks; ++block) {
      if (block % layout.pipeline != stage) continue;
      const std::string name = absl::StrCat("block", block, ".");
      params.AddUnit(name);
      add(ShardOf({name + "q", Shape({26, 20})}, 0, t, r));
      NamedTensor k = {.name = name + "k",
                       .shape = Shape({8, 20}),
                       .held = EvenPart(8, kv_parts, r / copies)};
      if (kv != nullptr) k.copies = {kv.get(), true};
      add(std::move(k));
      add(ShardOf({name + "o", Shape({20, 26})}, 1, t, r));
      add({.name = name + "gain",
           .shape = Shape({61}),
           .copies = {t > 1 ? &tensor : nullptr, true}});
      if (!layout.small) {
        add(ShardOf({name + "up", Shape({129, 101})}, 1, t, r));
      }
    }
    params.AddUnit("last");
    if (last && layout.tied) add(table(), /*copy=*/first);
    if (last) add(ShardOf({"out", Shape({53, 97})}, 0, t, r));
  }
};

// The elements that a rank should have, of `range` of the held part.
inline std::vector<float> Expected(uint64_t seed, const NamedTensor& named,
                                   CheckpointRole role, ElementRange range) {
  std::vector<float> values(range.count);
  const Rng rng(seed, CheckpointTensorName(named.name, role));
  ForEachRun(named, range, [&](const ElementRun& run) {
    rng.FillNormal(
        absl::MakeSpan(values).subspan(run.held - range.begin, run.count),
        run.whole, 1);
  });
  return values;
}

inline void FillStore(uint64_t seed, RankContext& context, ParamStore& params) {
  for (const TensorToRead& tensor :
       TensorsToRead(params, CheckpointContents::kTrainingState)) {
    WriteToStore(
        params, *context.streams.compute, tensor, tensor.range.begin,
        Expected(seed, tensor.tensor->named, tensor.role, tensor.range));
  }
}

// Looks at the buffers themselves, all of them.
inline void ExpectStore(uint64_t seed, const ParamStore& params) {
  const auto floats = [](const TensorView& x) {
    return std::vector<float>(x.Data<float>(),
                              x.Data<float>() + x.num_elements());
  };
  for (const ParamStore::Tensor& tensor : params.tensors()) {
    const std::string& name = tensor.named.name;
    const ElementRange owned = params.owned(tensor);
    const ElementRange held = {owned.begin - tensor.range.begin, owned.count};
    const auto expected = [&](CheckpointRole role) {
      return Expected(seed, tensor.named, role, held);
    };
    EXPECT_TRUE(floats(params.master(owned)) == expected(PARAM)) << name;
    EXPECT_TRUE(floats(params.moment1(owned)) == expected(ADAM_M)) << name;
    EXPECT_TRUE(floats(params.moment2(owned)) == expected(ADAM_V)) << name;
    if (params.zero_stage() == 3) continue;
    const std::vector<float> whole =
        Expected(seed, tensor.named, PARAM, {0, tensor.range.count});
    const TensorView weights = params.unit_weights(tensor.unit, tensor.range);
    if (weights.dtype == DType::kFloat32) {
      EXPECT_TRUE(floats(weights) == whole) << name;
    } else {
      const std::vector<BFloat16> low(whole.begin(), whole.end());
      EXPECT_EQ(std::memcmp(weights.data, low.data(), weights.bytes()), 0)
          << name;
    }
  }
}

// Runs `body` on all ranks of the layout, each with an allocated store.
inline void OnRanks(
    const Layout& layout,
    const std::function<void(RankContext&, ParamStore&)>& body) {
  ParallelConfig config;
  config.set_tensor(layout.tensor);
  config.set_context(layout.context);
  config.set_pipeline(layout.pipeline);
  RunRankContexts(layout.ranks(), config, [&](RankContext& context) {
    FakeModel model;
    model.Register(layout, context);
    Communicator& replicas = *context.groups.replicas;
    COG_CHECK_OK(model.params.Allocate({.device = *context.device,
                                        .stream = *context.streams.compute,
                                        .precision = layout.precision,
                                        .zero_stage = layout.stage,
                                        .replicas = replicas.size(),
                                        .replica = replicas.rank()}));
    body(context, model.params);
  });
}

inline CheckpointManifest HeadAt(int64_t step) {
  CheckpointManifest head;
  head.set_program_version("test");
  head.mutable_train_state()->set_step(step);
  head.mutable_train_state()->set_optimizer_updates(step - 1);
  return head;
}

// Chunks are small enough for slices of several.
inline CheckpointWriter::Options WriterOptions(FileSystem& files,
                                               const std::string& attempt,
                                               Retention retention = {}) {
  return {.files = files,
          .run_dir = "run",
          .attempt = attempt,
          .retention = retention,
          .chunk_bytes = 8192};
}

// A start of the run "run" that saves at `steps`; the state at a step is that
// of the step as seed. The outcomes, the same on every rank; the first may be
// that of BeginAttempt().
inline std::vector<absl::Status> SaveAt(FileSystem& files, const Layout& layout,
                                        const std::vector<int64_t>& steps,
                                        Retention retention = {}) {
  std::mutex mutex;
  std::vector<std::vector<absl::Status>> all;
  OnRanks(layout, [&](RankContext& context, ParamStore& params) {
    Communicator& world = *context.groups.world;
    std::vector<absl::Status> statuses;
    const auto attempt = BeginAttempt(files, "run", world);
    if (attempt.ok()) {
      CheckpointWriter writer(WriterOptions(files, *attempt, retention), world);
      for (const int64_t step : steps) {
        FillStore(step, context, params);
        writer.Start(params, *context.streams.compute, HeadAt(step));
        // What training does meanwhile changes nothing.
        FillStore(12345, context, params);
        statuses.push_back(writer.Finish()->status);
      }
    } else {
      statuses.push_back(attempt.status());
    }
    const std::lock_guard<std::mutex> lock(mutex);
    all.push_back(std::move(statuses));
  });
  for (const auto& statuses : all) EXPECT_EQ(statuses, all[0]);
  return all[0];
}

// What RestoreNewest() gives on every rank, with the state checked.
inline absl::StatusOr<RestoredNewest> Restored(FileSystem& files,
                                               const Layout& layout) {
  std::mutex mutex;
  absl::StatusOr<RestoredNewest> result;
  OnRanks(layout, [&](RankContext& context, ParamStore& params) {
    absl::StatusOr<RestoredNewest> mine = RestoreNewest(
        {.files = files, .context = context, .params = params}, "run");
    if (mine.ok() && mine->checkpoint.has_value()) {
      const int64_t step = mine->checkpoint->manifest.train_state().step();
      ExpectStore(step, params);
    }
    const std::lock_guard<std::mutex> lock(mutex);
    if (context.rank() == 0) result = std::move(mine);
  });
  return result;
}

// The step of the newest whole checkpoint; -1: none; an error fails the test.
inline int64_t RestoredStep(FileSystem& files, const Layout& layout) {
  const absl::StatusOr<RestoredNewest> restored = Restored(files, layout);
  EXPECT_TRUE(restored.ok()) << restored.status();
  if (!restored.ok() || !restored->checkpoint.has_value()) return -1;
  return restored->checkpoint->manifest.train_state().step();
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_PARALLEL_CHECKPOINT_CHECKPOINT_HARNESS_H_
