// Encoding speed: bytes a second over all threads.
//   build/tokenizer_benchmark
// For a comparison with another program set the files in the environment:
//   TOKENIZER=tokenizer.json TEXT=corpus.txt build/tokenizer_benchmark

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "runtime/check.h"
#include "runtime/data/bpe_trainer.h"
#include "runtime/data/tokenizer.h"

namespace cogdist {
namespace {

std::string Variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::string ReadText() {
  std::ifstream file(Variable("TEXT", "tests/data/tokenizer/corpus.txt"));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  COG_CHECK(!text.empty(), "run from the repository or set TEXT");
  while (text.size() < (1 << 20)) text += text;
  return text;
}

void BM_Encode(benchmark::State& state) {
  // One tokenizer for all threads.
  static const auto* const tokenizer = new std::unique_ptr<Tokenizer>(
      LoadTokenizer(Variable("TOKENIZER", "tests/data/tokenizer/gpt2.json"))
          .value());
  const std::string text = ReadText();
  std::vector<int32_t> ids;
  for (auto _ : state) {
    ids.clear();
    (*tokenizer)->Encode(text, ids);
    benchmark::DoNotOptimize(ids.data());
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_Encode)->Unit(benchmark::kMillisecond)->ThreadRange(1, 2);

void BM_Train(benchmark::State& state) {
  const std::string text = ReadText();
  for (auto _ : state) {
    WordCounter words;
    words.Add(text);
    COG_CHECK(TrainBpe(words, {.vocab_size = 4096}).ok());
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_Train)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cogdist

BENCHMARK_MAIN();
