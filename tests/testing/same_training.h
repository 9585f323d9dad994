// Two runs of one training that sum in different orders.

#ifndef COGDIST_TESTS_TESTING_SAME_TRAINING_H_
#define COGDIST_TESTS_TESTING_SAME_TRAINING_H_

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/temp_dir.h"
#include "tests/testing/layout_training.h"
#include "tests/testing/random_layout.h"

namespace cogdist::testing {

inline constexpr double kLossTolerance = 1e-5;
inline constexpr double kGradNormTolerance = 1e-4;
// Of a tensor's change in all steps together, in the L2 norm. Updates divide by
// gradients, and so are less exact than these.
inline constexpr double kChangeTolerance = 1e-3;

// The norm of a - b.
inline double Distance(const std::vector<float>& a,
                       const std::vector<float>& b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = double{a[i]} - b[i];
    squares += difference * difference;
  }
  return std::sqrt(squares);
}

inline void ExpectSameTraining(const Training& got, const Training& want,
                               const Weights& initial) {
  ASSERT_EQ(got.history.size(), want.history.size());
  for (size_t i = 0; i < want.history.size(); ++i) {
    const double tolerance = i % 2 == 0 ? kLossTolerance : kGradNormTolerance;
    EXPECT_NEAR(got.history[i] / want.history[i], 1, tolerance)
        << (i % 2 == 0 ? "loss" : "norm") << " of step " << i / 2 + 1;
  }
  ASSERT_EQ(got.weights.size(), want.weights.size());
  for (const auto& [name, values] : want.weights) {
    ASSERT_EQ(got.weights.count(name), 1) << name;
    const double change = Distance(values, initial.at(name));
    EXPECT_LE(Distance(got.weights.at(name), values), kChangeTolerance * change)
        << name << ", which changes by " << change;
  }
}

// `run` trains, on ranks that `start` starts, as one rank of the host does.
inline void ExpectTrainsAsOneRank(const LayoutRun& run,
                                  const StartRanks& start = StartOnHost) {
  const TempDir dir;
  WriteSteeredWeights(run, dir / "initial");
  const Training alone =
      Train(OnOneRank(run), dir / "initial", dir / "weights");
  const Training shared = Train(run, dir / "initial", dir / "weights", start);
  ExpectSameTraining(shared, alone, ReadWeights(dir / "initial"));
}

}  // namespace cogdist::testing

#endif  // COGDIST_TESTS_TESTING_SAME_TRAINING_H_
