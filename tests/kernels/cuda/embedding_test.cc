#include "kernels/cuda/embedding_launch.h"

#include <algorithm>

#include "tests/kernels/cuda/gpu_test.h"

namespace cogdist {
namespace {

class CudaEmbeddingTest : public GpuTest {};

// Ids within and outside of the part of the vocabulary that is held, most of
// them several times.
TEST_F(CudaEmbeddingTest, ForwardAndBackward) {
  for (int seed = 0; seed < kGpuSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Begin(seed);
    CaseDice dice(seed);
    const DType type = dice.FloatType(), table_type = dice.FloatType();
    const bool many = seed % 50 == 0;  // more rows than a block takes at once
    const int64_t rows = many ? 2300 : dice.OneOf<int64_t>({1, 5, 40, 150});
    const int64_t hidden = many ? 8 : dice.OneOf<int64_t>({1, 8, 33, 264});
    const int64_t vocab = dice.Between(1, 9), first_id = dice.Between(0, 4);
    std::vector<int32_t> ids(rows);
    for (int32_t& id : ids) id = dice.Between(0, vocab + first_id + 3);
    // Whose first row is far from the others'.
    if (many) std::sort(ids.begin(), ids.end() - rows / 8);
    const HostTensor table = RandomTensor(table_type, {vocab, hidden}, seed);
    const HostTensor dy = RandomTensor(type, {rows, hidden}, seed + 1000);
    const HostTensor before =
        RandomTensor(DType::kFloat32, {vocab, hidden}, seed + 2000);
    void* const y = Allocate(type, rows * hidden, "y");
    const int32_t* const gpu_ids = Upload(ids, "ids");
    float* const dtable = UploadFloats(before, "dtable");
    cuda::LaunchEmbeddingForward(stream(),
                                 {.y = y,
                                  .table = Upload(table, "table"),
                                  .ids = gpu_ids,
                                  .rows = rows,
                                  .hidden = hidden,
                                  .vocab = vocab,
                                  .first_id = first_id,
                                  .type = ElementTypeOf(type),
                                  .table_type = ElementTypeOf(table_type)});
    cuda::LaunchEmbeddingBackward(stream(), {.dtable = dtable,
                                             .dy = Upload(dy, "dy"),
                                             .ids = gpu_ids,
                                             .rows = rows,
                                             .hidden = hidden,
                                             .vocab = vocab,
                                             .first_id = first_id,
                                             .type = ElementTypeOf(type)});
    ExpectClean();
    HostTensor expected(type, {rows, hidden});
    HostTensor gradient(DType::kFloat32, {vocab, hidden}, before.values());
    for (int64_t i = 0; i < rows * hidden; ++i) {
      const int64_t id = ids[i / hidden] - first_id;
      const bool held = id >= 0 && id < vocab;
      const int64_t at = id * hidden + i % hidden;
      expected.Set(i, held ? table.Get(at) : 0);
      // In the order of the rows and in float32: the same bits.
      if (held) gradient.Set(at, gradient.Get(at) + dy.Get(i));
    }
    EXPECT_EQ(Download(type, {rows, hidden}, y).bytes(), expected.bytes());
    EXPECT_EQ(Download(DType::kFloat32, {vocab, hidden}, dtable).bytes(),
              gradient.bytes());
  }
}

}  // namespace
}  // namespace cogdist
