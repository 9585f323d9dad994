#include "kernels/embedding.h"

#include "tests/kernels/kernel_test.h"

namespace cogdist {
namespace {

class EmbeddingTest : public KernelTest {
 protected:
  static constexpr int64_t kVocab = 7;
  TensorView ids() { return TensorView::Of(ids_.data(), {8}); }

  std::vector<int32_t> ids_ = {2, 0, 6, 2, 2, 5, 3, 6};
};

TEST_F(EmbeddingTest, CopiesRowsAndGivesZerosForForeignIds) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int64_t hidden : {1, 15, 16, 100}) {
      const HostTensor table = RandomTensor(dtype, {kVocab, hidden}, 1);
      const TensorView shard = table.view().Slice(0, 2, 4);  // ids 2 to 5
      Doubles whole, sharded;
      for (const int32_t id : ids_) {
        for (int64_t i = 0; i < hidden; ++i) {
          whole.push_back(table.Get(id * hidden + i));
          sharded.push_back(id >= 2 && id < 6 ? whole.back() : 0);
        }
      }
      ForEachTarget([&] {
        const HostTensor y = RandomTensor(dtype, {8, hidden}, 2);
        EmbeddingForward(stream_, {.y = y, .table = table, .ids = ids()});
        EXPECT_EQ(y.values(), whole);
        EmbeddingForward(stream_,
                         {.y = y, .table = shard, .ids = ids(), .first_id = 2});
        EXPECT_EQ(y.values(), sharded);
      });
    }
  }
}

TEST_F(EmbeddingTest, BackwardAddsRowsInTheirOrder) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int64_t hidden : {1, 15, 33, 100}) {
      const HostTensor dy = RandomTensor(dtype, {8, hidden}, 1);
      const HostTensor start =
          RandomTensor(DType::kFloat32, {kVocab, hidden}, 2);
      std::vector<float> expected(kVocab * hidden);
      for (size_t i = 0; i < expected.size(); ++i) expected[i] = start.Get(i);
      for (int64_t row = 0; row < 8; ++row) {
        for (int64_t i = 0; i < hidden; ++i) {
          expected[ids_[row] * hidden + i] += dy.Get(row * hidden + i);
        }
      }
      ForEachTarget([&] {
        const HostTensor dtable(DType::kFloat32, {kVocab, hidden},
                                start.values());
        EmbeddingBackward(stream_, {.dtable = dtable, .dy = dy, .ids = ids()});
        EXPECT_EQ(dtable.values(), Doubles(expected.begin(), expected.end()));
      });
    }
  }
}

TEST_F(EmbeddingTest, BackwardLeavesOtherShardsAlone) {
  const HostTensor dy = RandomTensor(DType::kFloat32, {8, 20}, 1);
  const HostTensor whole(DType::kFloat32, {kVocab, 20});
  const HostTensor shard(DType::kFloat32, {kVocab, 20});
  EmbeddingBackward(stream_, {.dtable = whole, .dy = dy, .ids = ids()});
  for (const int64_t first : {0, 3, 6}) {
    const int64_t count = std::min<int64_t>(3, kVocab - first);
    EmbeddingBackward(stream_, {.dtable = shard.view().Slice(0, first, count),
                                .dy = dy,
                                .ids = ids(),
                                .first_id = first});
  }
  EXPECT_EQ(shard.values(), whole.values());
}

}  // namespace
}  // namespace cogdist
