// Tokens per second of the batch loader on one core; the files are in memory
// after the first pass.

#include "runtime/data/batch_loader.h"

#include <benchmark/benchmark.h>

#include "runtime/check.h"
#include "runtime/data/indexed_dataset_writer.h"
#include "runtime/rng.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

constexpr int64_t kTokens = int64_t{1} << 24;

void WriteDataset(const std::string& prefix, int64_t vocab_size) {
  auto writer = IndexedDatasetWriter::Create(prefix, vocab_size);
  COG_CHECK_OK(writer.status());
  const Rng rng(1, 1);
  std::vector<int32_t> document(1000);
  for (int64_t i = 0; i < kTokens; i += 1000) {
    for (size_t j = 0; j < document.size(); ++j) {
      document[j] = static_cast<int32_t>(rng.Bits(i + j) % 50000) + 1;
    }
    document.back() = 0;
    COG_CHECK_OK(writer->AddDocument(document));
  }
  COG_CHECK_OK(writer->Finish({}).status());
}

// Arguments: tokens in a window, bytes of a token, datasets, document mask.
void BM_Load(benchmark::State& state) {
  const int64_t vocab_size = state.range(1) == 2 ? 60000 : 70000;
  static const TempDir dir;  // removed when the program ends
  const std::string prefix = dir / absl::StrCat(vocab_size);
  if (!FileExists(prefix + ".idx")) WriteDataset(prefix, vocab_size);
  const std::vector<DatasetSource> sources(state.range(2), {prefix});
  const auto loader =
      BatchLoader::Open(sources, {.seq_len = state.range(0),
                                  .global_batch_size = 32,
                                  .micro_batch_size = 8,
                                  .document_mask = state.range(3) != 0,
                                  .eos_token_id = 0,
                                  .vocab_size = vocab_size,
                                  .seed = 1});
  COG_CHECK_OK(loader.status());
  Batch batch;
  int64_t step = 1;
  for (auto _ : state) {
    COG_CHECK_OK(loader->Load(step, step % 4, batch));
    ++step;
  }
  state.SetItemsProcessed(state.iterations() * 8 * state.range(0));
}
BENCHMARK(BM_Load)
    ->ArgNames({"seq", "bytes", "datasets", "mask"})
    ->Args({512, 2, 1, 0})
    ->Args({1024, 2, 1, 0})
    ->Args({1024, 2, 1, 1})
    ->Args({1024, 2, 3, 1})
    ->Args({1024, 4, 1, 0})
    ->Args({4096, 2, 1, 1});

}  // namespace
}  // namespace cogdist

BENCHMARK_MAIN();
