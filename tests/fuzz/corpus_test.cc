// The fuzzers' corpora, and mutations of them drawn from a seed, under the
// fuzzers' own functions. Bytes that once did harm are in the corpora.

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "runtime/file.h"
#include "tests/fuzz/fuzz_targets.h"

namespace {

// Bytes that operator new has given out and not got back, and the most so far.
std::atomic<int64_t> live_bytes{0};
std::atomic<int64_t> peak_bytes{0};

}  // namespace

void* operator new(size_t size) {
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  const int64_t live = live_bytes += malloc_usable_size(memory);
  if (live > peak_bytes) peak_bytes = live;
  return memory;
}

void operator delete(void* memory) noexcept {
  live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept { operator delete(memory); }

namespace cogdist {
namespace {

constexpr char kCorpus[] = "tests/fuzz/corpus/";
constexpr int kMutations = 20000;

std::vector<std::string> Corpus(const std::string& format) {
  std::vector<std::string> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(kCorpus + format)) {
    paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const std::string& path : paths) corpus.push_back(*ReadFile(path));
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> corpus)
      : corpus_(std::move(corpus)) {}

  // Some of the corpus after one to eight changes.
  std::string Next() {
    std::string bytes = Any();
    for (int changes = 1 + Below(8); changes > 0; --changes) Change(bytes);
    return bytes;
  }

 private:
  size_t Below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  const std::string& Any() { return corpus_[Below(corpus_.size())]; }

  // A piece of up to 64 bytes of something in the corpus.
  std::string Piece() {
    const std::string& from = Any();
    return from.substr(Below(from.size()), Below(64));
  }

  // Numbers at the borders of the types that lengths are read as.
  std::string Border() {
    const uint64_t kBorders[] = {0,
                                 1,
                                 0x7f,
                                 0xff,
                                 0x7fffffff,
                                 0xffffffff,
                                 uint64_t{1} << 40,
                                 ~uint64_t{0} >> 1,
                                 ~uint64_t{0}};
    const uint64_t number = kBorders[Below(9)] - Below(2);
    if (Below(2) == 0) return absl::StrCat(number);
    return std::string(reinterpret_cast<const char*>(&number),
                       1 + Below(sizeof(number)));
  }

  void Change(std::string& bytes) {
    const size_t at = Below(bytes.size());
    switch (Below(6)) {
      case 0:
        if (!bytes.empty()) bytes[at] ^= 1 << Below(8);
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<char>(Below(256));
        break;
      case 2:
        bytes.erase(at, Below(64));
        break;
      case 3:
        bytes.insert(at, Piece());
        break;
      case 4:
        bytes.replace(at, Below(10), Border());
        break;
      case 5:
        bytes.resize(at);
        break;
    }
  }

  const std::vector<std::string> corpus_;
  std::mt19937_64 random_{20240601};
};

// Runs the function on `bytes`, and looks at the memory that it takes: objects
// of some hundred bytes may stand for an encoding of two.
void Run(void (*fuzz)(absl::string_view), const std::string& bytes) {
  const int64_t before = live_bytes;
  peak_bytes = before;
  fuzz(bytes);
  const int64_t taken = peak_bytes - before;
  EXPECT_LE(taken, (64 << 10) + 512 * static_cast<int64_t>(bytes.size()));
}

void RunAll(void (*fuzz)(absl::string_view), const std::string& format) {
  const std::vector<std::string> corpus = Corpus(format);
  ASSERT_GE(corpus.size(), 5u);
  for (const std::string& bytes : corpus) Run(fuzz, bytes);
  Run(fuzz, "");
  Mutator mutator(corpus);
  for (int i = 0; i < kMutations; ++i) {
    Run(fuzz, mutator.Next());
    ASSERT_FALSE(::testing::Test::HasFailure()) << "mutation " << i;
  }
}

TEST(CorpusTest, Manifests) { RunAll(FuzzManifest, "manifest"); }

TEST(CorpusTest, SafetensorsHeaders) { RunAll(FuzzSafetensors, "safetensors"); }

}  // namespace
}  // namespace cogdist
