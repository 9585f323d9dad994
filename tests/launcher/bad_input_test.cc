// Wrong flags, configurations and files, given to the program itself: each ends
// with exit code 2, before any work, and a message that names the flag, field,
// line or file and what would be right.

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "runtime/data/indexed_dataset_writer.h"
#include "runtime/file.h"
#include "tests/subprocess.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr char kGood[] = R"(name: "good"
model {
  cogformer {
    vocab_size: 384
    num_layers: 2
    hidden_size: 64
    num_heads: 4
    ffn_size: 160
    max_seq_len: 16
  }
}
data {
  train { prefix: "tokens" }
  eos_token_id: 0
}
batch { global_batch_size: 8 micro_batch_size: 2 }
lr_schedule { peak_lr: 1e-3 warmup_steps: 4 }
train_steps: 20
)";

// A folder with a good configuration and a good dataset, and the program run
// in it.
class Workplace {
 public:
  Workplace() {
    Write("good.pbtxt", kGood);
    auto writer = IndexedDatasetWriter::Create(dir_ / "tokens", 384);
    EXPECT_TRUE(writer.ok());
    EXPECT_TRUE(writer->AddDocument(std::vector<int32_t>(200, 7)).ok());
    EXPECT_TRUE(writer->Finish({.eos_token_id = 0}).ok());
  }

  void Write(absl::string_view name, absl::string_view contents) {
    const absl::Status status = WriteFileAtomically(dir_ / name, contents);
    EXPECT_TRUE(status.ok()) << status;
  }
  std::string Read(absl::string_view name) const {
    return ReadFile(dir_ / name).value();
  }

  // `args` are the words of a command line, quoted for the shell; so is what
  // `environment` sets.
  ProcessResult Run(absl::string_view args,
                    absl::string_view environment = "") const {
    return RunShell(absl::StrCat(environment, " ", COGDIST_BINARY, " ", args),
                    dir_.path());
  }

 private:
  TempDir dir_;
};

void ExpectRefused(const ProcessResult& outcome, const std::string& message) {
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("cogdist: error: "));
  EXPECT_THAT(outcome.output, HasSubstr(message));
}

TEST(BadInputTest, CudaNeedsItsModuleToRunAndNotToPlan) {
  constexpr char kNoModule[] = "COGDIST_GPU_MODULE=/none/cuda.so";
  const Workplace place;
  const ProcessResult refused =
      place.Run("good.pbtxt --set device=CUDA", kNoModule);
  ExpectRefused(refused, "device: CUDA: cannot use GPUs: /none/cuda.so: ");
  EXPECT_THAT(refused.output, HasSubstr("or set device: CPU\n"));
  const ProcessResult plan =
      place.Run("good.pbtxt --set device=CUDA --dry_run", kNoModule);
  EXPECT_EQ(plan.exit_code, 0) << plan.output;
  EXPECT_THAT(plan.output, HasSubstr("a rank; CUDA, FP32"));
  const ProcessResult automatic = place.Run("good.pbtxt --steps 1", kNoModule);
  EXPECT_EQ(automatic.exit_code, 0) << automatic.output;
  EXPECT_THAT(automatic.output,
              AllOf(HasSubstr("a rank; CPU, FP32"),
                    HasSubstr("warning: device: AUTO takes the CPU, although "
                              "this machine may have GPUs: cannot use GPUs: "
                              "/none/cuda.so: ")));
}

TEST(BadInputTest, TheUnchangedConfigurationIsGood) {
  const ProcessResult outcome = Workplace().Run("good.pbtxt --dry_run");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

TEST(BadInputTest, CommandLines) {
  const struct {
    const char* args;
    const char* message;
  } kCases[] = {
      {"trane good.pbtxt", "no command 'trane'; did you mean 'train'?"},
      {"--steps 3 good.pbtxt", "'--steps' comes before any command"},
      {"train", "train: CONFIG.pbtxt is missing"},
      {"good.pbtxt other.pbtxt", "unexpected argument 'other.pbtxt'"},
      {"good.pbtxt --step 3", "no flag --step; did you mean --steps?"},
      {"good.pbtxt --dry-run", "did you mean --dry_run?"},
      {"good.pbtxt --dry_run=1", "--dry_run takes no value"},
      {"good.pbtxt --set", "--set needs a value: --set PATH=VALUE"},
      {"good.pbtxt --resume none --resume auto", "--resume is given twice"},
      {"good.pbtxt --dry_run --ranks many",
       "--ranks: 'many' is not an integer"},
      {"good.pbtxt --dry_run --ranks 0", "--ranks: 0 is out of range; use 1"},
      {"good.pbtxt --set train_steps", "needs the form PATH=VALUE"},
      {"good.pbtxt --set modl.x=1",
       "--set modl: there is no such field; did "
       "you mean model?"},
      {"good.pbtxt --set precision=FP8", "is not one of FP32, BF16"},
      {"good.pbtxt --set train_steps=1e3", "'1e3' is not an integer"},
      {"good.pbtxt --set data.train.2.prefix=x", "use 0 to 1 (1 appends)"},
      {"good.pbtxt --set batch=8", "set one of them: global_batch_size"},
      {"launch good.pbtxt", "cogdist launch is not built yet"},
      {"sweep x.pbtxt", "cogdist sweep is not built yet"},
      {"plan good.pbtxt", "cogdist plan is not built yet"},
      {"analyze good.pbtxt", "cogdist analyze is not built yet"},
      {"checkpoint export x --output y", "x: there is no such file or folder"},
      {"checkpoint import x --output y", "x: No such file"},
      {"checkpoint import good.pbtxt", "--output: is missing"},
      {"none.pbtxt", "none.pbtxt: No such file"},
      {".", "is a folder"},
  };
  const Workplace place;
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.args);
    ExpectRefused(place.Run(test.args), test.message);
  }
}

TEST(BadInputTest, Configurations) {
  const struct {
    const char* from;
    const char* to;
    const char* message;
  } kCases[] = {
      {"num_layers", "layers",
       "bad.pbtxt:5:11: model.cogformer.layers: there "
       "is no such field; did you mean "
       "model.cogformer.num_layers?"},
      {"384", "many",
       "bad.pbtxt:4:17: model.cogformer.vocab_size: Expected "
       "integer"},
      {"train_steps: 20", "train_steps: 20 train_steps: 30",
       "train_steps: is given twice; keep one"},
      {"name: \"good\"", "precision: FP16",
       "precision: the value is not one "
       "of FP32, BF16"},
      {"data {", "data", "bad.pbtxt:"},
      {"train_steps: 20\n", "}", "bad.pbtxt:18:1:"},
      {"name: \"good\"", "name: \"good", "bad.pbtxt:1:"},
      {"train_steps: 20", "", "train_steps: is missing; set it (at least 1)"},
      {"train_steps: 20", "train_steps: 0", "train_steps: 0 is out of range"},
      {"hidden_size: 64", "", "model.cogformer.hidden_size: is missing"},
      {"hidden_size: 64", "hidden_size: 62",
       "4 heads do not divide hidden_size "
       "62; use 1 or 31"},
      {"num_heads: 4", "num_heads: 4 num_kv_heads: 3", "use 2 or 4"},
      {"num_heads: 4", "num_heads: 4 head_dim: 7", "use 6 or 8"},
      {"num_heads: 4", "num_heads: 4 norm_eps: -1", "model.cogformer.norm_eps"},
      {"vocab_size: 384", "vocab_size: 7",
       "tokens.meta.json: the largest token id is 7, but vocab_size is 7"},
      {"max_seq_len: 16", "max_seq_len: 16 attention { softmax_layers: 2 }",
       "there is no layer 2 among num_layers 2; use 1"},
      {"prefix: \"tokens\"", "", "data.train.0.prefix: is missing"},
      {"\"tokens\"", "\"token\"", "data.train.0.prefix: there is no token.idx"},
      {"\"tokens\"", "\"tokens.bin\"", "has an ending; use \"tokens\""},
      {"eos_token_id: 0", "eos_token_id: 384", "use 383 or less"},
      {"eos_token_id: 0", "document_mask: true eos_token_id: 3",
       "documents end in token 0, but data.eos_token_id is 3"},
      {"eos_token_id: 0", "document_mask: true", "needs data.eos_token_id"},
      {"eos_token_id: 0", "seq_len: 32",
       "longer than "
       "model.cogformer.max_seq_len; use 16"},
      {"max_seq_len: 16", "max_seq_len: 512",
       "tokens.bin: has 200 tokens, but one sequence and its targets take 513"},
      {"micro_batch_size: 2", "micro_batch_size: 5", "use 4 or 8"},
      {"global_batch_size: 8", "", "batch.global_batch_size: is missing"},
      {"peak_lr: 1e-3", "", "lr_schedule.peak_lr: is missing"},
      {"peak_lr: 1e-3", "peak_lr: 1e-3 min_lr: 1",
       "is above peak_lr; use "
       "0.001"},
      {"warmup_steps: 4", "warmup_steps: 40", "use 19"},
      {"warmup_steps: 4", "kind: WSD", "cooldown_steps: is missing"},
      {"name: \"good\"", "init_from: \"none\"", "or leave init_from out"},
      {"name: \"good\"", "tokenizer: \"none\"",
       "give a tokenizer.json, or the word bytes"},
      {"name: \"good\"", "parallel { tensor: 2 }", "start 2 ranks"},
      {"name: \"good\"", "evaluation { every_steps: 5 }",
       "needs "
       "data.validation"},
      {"name: \"good\"", "optimizer { adamw { beta2: 1 } }",
       "beta2: 1 is out "
       "of range"},
      {"name: \"good\"", "optimizer { sgd { } }",
       "did you mean "
       "optimizer.adamw?"},
  };
  Workplace place;
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.to);
    ASSERT_TRUE(absl::StrContains(kGood, test.from));
    place.Write("bad.pbtxt",
                absl::StrReplaceAll(kGood, {{test.from, test.to}}));
    ExpectRefused(place.Run("bad.pbtxt"), test.message);
  }
}

// A file with these contents, named by this field: refused, naming both.
TEST(BadInputTest, DamagedTokenizersAndWeights) {
  // A header of 2 bytes, then of more bytes than there are.
  const std::string header("\2\0\0\0\0\0\0\0", 8);
  const std::string long_header("\xff\0\0\0\0\0\0\0{}", 10);
  const struct {
    const char* field;
    const char* file;
    std::string contents;
  } kCases[] = {
      {"tokenizer", "t.json", ""},
      {"tokenizer", "t.json", "{\"model\": "},
      {"tokenizer", "t.json", "[]"},
      {"tokenizer", "t.json", "{\"model\": {\"type\": \"Unigram\"}}"},
      {"tokenizer", "t.json",
       "{\"model\": {\"type\": \"BPE\", \"vocab\": 3, \"merges\": []}}"},
      {"init_from", "w.safetensors", ""},
      {"init_from", "w.safetensors", "{}"},
      {"init_from", "w.safetensors", long_header},
      {"init_from", "w.safetensors", header + "{]"},
      {"init_from", "w.safetensors.index.json", "{\"weight_map\": 3}"},
      {"init_from", "w.safetensors.index.json",
       "{\"weight_map\": {\"a\": \"gone.safetensors\"}}"},
  };
  Workplace place;
  for (const auto& test : kCases) {
    SCOPED_TRACE(absl::StrCat(test.field, " ", test.contents));
    place.Write(test.file, test.contents);
    const ProcessResult outcome = place.Run(
        absl::StrCat("good.pbtxt --set ", test.field, "=", test.file));
    ExpectRefused(outcome, absl::StrCat(test.field, ": "));
    EXPECT_THAT(outcome.output,
                AnyOf(HasSubstr(test.file), HasSubstr("gone.safetensors")));
  }
}

// Damages a copy of a good file by cutting it at `keep` bytes (where not
// negative), then overwriting what is at `offset`.
struct Damage {
  const char* file;
  int64_t keep;
  int64_t offset;
  std::string bytes;
  const char* message;
};

TEST(BadInputTest, DamagedDatasets) {
  const Damage kCases[] = {
      {"tokens.idx", 0, 0, "", "tokens.idx: not an indexed dataset"},
      {"tokens.idx", 20, 0, "", "tokens.idx: cut short in its header"},
      {"tokens.idx", 40, 0, "", "tokens.idx: its size of 40 bytes"},
      {"tokens.idx", -1, 0, "X", "it must begin with MMIDIDX"},
      {"tokens.idx", -1, 9, "\2", "version 2 where 1 is needed"},
      {"tokens.idx", -1, 17, "\1", "token type code 1"},
      {"tokens.idx", -1, 34, "\1", "tokens.bin: has 400 bytes"},
      {"tokens.bin", 300, 0, "", "tokens.bin: has 300 bytes where its index"},
      {"tokens.meta.json", 10, 0, "", "tokens.meta.json"},
  };
  for (const Damage& damage : kCases) {
    SCOPED_TRACE(damage.message);
    Workplace place;
    std::string contents = place.Read(damage.file);
    if (damage.keep >= 0) contents.resize(damage.keep);
    if (!damage.bytes.empty()) {
      contents.replace(damage.offset, damage.bytes.size(), damage.bytes);
    }
    place.Write(damage.file, contents);
    const ProcessResult outcome = place.Run("good.pbtxt");
    ExpectRefused(outcome, damage.message);
    EXPECT_THAT(outcome.output, HasSubstr("data.train.0.prefix: "));
  }
}

}  // namespace
}  // namespace cogdist
