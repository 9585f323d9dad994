// A model whose passes and gradients are known in closed form, cut into chunks:
// chunk k computes y = a_k x + b_k on every element. All values are small
// integers, so any order of the sums gives the same bits.

#ifndef COGDIST_TESTS_PARALLEL_PIPELINE_TOY_STAGE_H_
#define COGDIST_TESTS_PARALLEL_PIPELINE_TOY_STAGE_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "parallel/pipeline/schedule.h"
#include "parallel/pipeline/stage.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/tensor.h"

namespace cogdist::testing {

struct ToyModel {
  static float Scale(int k) { return k % 3 == 2 ? 2 : k % 2 == 0 ? 1 : -1; }
  static float Shift(int k) { return k % 5 - 2; }
  static float Input(int micro_batch, int64_t i) {
    return (i + 3 * micro_batch) % 5 - 2;
  }
  // The loss is the sum over elements of this times the last chunk's y.
  static float Weight(int micro_batch, int64_t i) {
    return (i + micro_batch) % 3 - 1;
  }
};

struct ToySums {
  double loss = 0;
  std::map<int, double> da;  // by the model's chunk
  std::map<int, double> db;

  friend bool operator==(const ToySums&, const ToySums&) = default;
};

// The whole model on one rank, micro-batch after micro-batch.
inline ToySums ToyReference(int chunks, int micro_batches, int64_t elements,
                            bool gradients) {
  ToySums sums;
  for (int m = 0; m < micro_batches; ++m) {
    for (int64_t i = 0; i < elements; ++i) {
      std::vector<double> x = {ToyModel::Input(m, i)};
      for (int k = 0; k < chunks; ++k) {
        x.push_back(ToyModel::Scale(k) * x[k] + ToyModel::Shift(k));
      }
      double dy = ToyModel::Weight(m, i);
      sums.loss += dy * x[chunks];
      for (int k = chunks - 1; gradients && k >= 0; --k) {
        sums.da[k] += dy * x[k];
        sums.db[k] += dy;
        dy *= ToyModel::Scale(k);
      }
    }
  }
  return sums;
}

// A rank's part. It keeps no copy of a received input: whoever reuses that
// memory too early spoils the gradients. With `jitter`, passes take random
// times.
class ToyStage : public Stage {
 public:
  struct Args {
    PipelineShape shape;
    int rank = 0;
    int64_t elements = 0;
    Stream* compute = nullptr;
    bool jitter = false;
  };
  explicit ToyStage(const Args& args) : args_(args), random_(args.rank + 1) {}

  void Forward(const ForwardWork& work) override {
    Saved& saved = slots_[work.slot];
    EXPECT_FALSE(saved.used) << "slot " << work.slot;
    saved = {
        .used = true, .chunk = work.chunk, .micro_batch = work.micro_batch};
    Pass(work, saved);
  }

  void Evaluate(const ForwardWork& work) override {
    Saved nothing;
    Pass(work, nothing);
  }

  void Backward(const BackwardWork& work) override {
    Saved& saved = slots_[work.slot];
    EXPECT_TRUE(saved.used);
    EXPECT_EQ(saved.chunk, work.chunk);
    EXPECT_EQ(saved.micro_batch, work.micro_batch);
    saved.used = false;
    Delay();
    const int k = args_.shape.ModelChunk(args_.rank, work.chunk);
    EXPECT_EQ(static_cast<bool>(work.d_output), !IsLast(work.chunk));
    EXPECT_EQ(static_cast<bool>(work.d_input), !IsFirst(work.chunk));
    AsCpuStream(*args_.compute).Run([&] {
      for (int64_t i = 0; i < args_.elements; ++i) {
        float dy = ToyModel::Weight(work.micro_batch, i);
        if (work.d_output) {
          dy = work.d_output.Data<float>()[i];
          work.d_output.Data<float>()[i] = -999;  // which is allowed
        }
        sums.da[k] += dy * Input(saved.input, work.micro_batch, i);
        sums.db[k] += dy;
        if (work.d_input) {
          work.d_input.Data<float>()[i] = ToyModel::Scale(k) * dy;
        }
      }
    });
  }

  ToySums sums;  // of this rank's chunks; the loss on the last rank
  size_t slots_used() const { return slots_.size(); }

 private:
  struct Saved {
    bool used = false;
    int chunk = 0;
    int micro_batch = 0;
    TensorView input;
  };

  bool IsFirst(int chunk) const {
    return args_.shape.IsFirst(args_.rank, chunk);
  }
  bool IsLast(int chunk) const { return args_.shape.IsLast(args_.rank, chunk); }

  static float Input(const TensorView& input, int micro_batch, int64_t i) {
    return input ? input.Data<float>()[i] : ToyModel::Input(micro_batch, i);
  }

  void Pass(const ForwardWork& work, Saved& saved) {
    Delay();
    const int k = args_.shape.ModelChunk(args_.rank, work.chunk);
    EXPECT_EQ(static_cast<bool>(work.input), !IsFirst(work.chunk));
    EXPECT_EQ(static_cast<bool>(work.output), !IsLast(work.chunk));
    saved.input = work.input;
    AsCpuStream(*args_.compute).Run([&] {
      for (int64_t i = 0; i < args_.elements; ++i) {
        const float y =
            ToyModel::Scale(k) * Input(work.input, work.micro_batch, i) +
            ToyModel::Shift(k);
        if (work.output) {
          work.output.Data<float>()[i] = y;
        } else {
          sums.loss += y * ToyModel::Weight(work.micro_batch, i);
        }
      }
    });
  }

  void Delay() {
    if (!args_.jitter) return;
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    std::this_thread::sleep_for(std::chrono::microseconds(random_ >> 56));
  }

  const Args args_;
  uint64_t random_;
  std::map<int, Saved> slots_;
};

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_PARALLEL_PIPELINE_TOY_STAGE_H_
