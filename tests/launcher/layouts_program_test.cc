// What users do with a model before and after training it in some layout:
// validation during the run, evaluation in the same layout and by one process,
// generation.

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/launcher/program_job.h"

namespace cogdist {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

constexpr char kConfig[] = R"(
name: "small"
model {
  cogformer {
    vocab_size: 257 num_layers: 6 hidden_size: 32 num_heads: 4 num_kv_heads: 2
    ffn_size: 48 max_seq_len: 32
    attention { softmax_layers: 0 softmax_layers: -1 }
  }
}
data {
  train { prefix: "text_train" }
  validation { prefix: "text_validation" }
  eos_token_id: 256
}
batch { global_batch_size: 8 }
lr_schedule { peak_lr: 1e-3 warmup_steps: 2 }
train_steps: 6
tokenizer: "bytes"
evaluation { every_steps: 3 batches: 1000 }
logging { log_every_steps: 1 }
run_dir: "run"
)";

struct Layout {
  int ranks;
  const char* parallel;  // fields of the configuration
  const char* shown;     // in the summary
};

class LayoutsProgramTest : public testing::ProgramJob {
 protected:
  LayoutsProgramTest()
      : ProgramJob(kConfig, kLong, "--validation_fraction 0.2") {}

  void WriteConfig(absl::string_view name, absl::string_view parallel) {
    std::ofstream(dir_ / name)
        << kConfig << "parallel { " << parallel << " }\n";
  }
  // Trains `config` afresh and returns its validation losses.
  std::vector<double> Train(int ranks, absl::string_view config,
                            ProcessResult& process) const {
    process = Run(absl::StrCat(config, " --resume none"), ranks);
    EXPECT_EQ(process.exit_code, 0) << process.output;
    std::vector<double> losses;
    for (const Json& record : Metrics()) {
      if (record.contains("validation_loss")) {
        losses.push_back(record["validation_loss"]);
      }
    }
    return losses;
  }
};

double LossOf(const ProcessResult& eval) {
  EXPECT_EQ(eval.exit_code, 0) << eval.output;
  for (const absl::string_view line : absl::StrSplit(eval.output, '\n')) {
    double loss = 0;
    if (absl::StartsWith(line, "loss ") &&
        absl::SimpleAtod(line.substr(5), &loss)) {
      return loss;
    }
  }
  ADD_FAILURE() << eval.output;
  return 0;
}

int Occurrences(absl::string_view text, absl::string_view part) {
  return static_cast<int>(
             std::vector<absl::string_view>(absl::StrSplit(text, part))
                 .size()) -
         1;
}

TEST_F(LayoutsProgramTest, ValidationAndEvaluationAreThoseOfOneRank) {
  const Layout layouts[] = {
      {4, "tensor: 4 sequence_parallel: true", "tensor 4 (sequence parallel)"},
      {2,
       "pipeline: 2 virtual_pipeline: 2 layers_per_stage: [2, 1, 1, 2] "
       "zero_stage: 1",
       "pipeline 2 (2 chunks a rank)"},
      {4, "context: 2 zero_stage: 2", "context 2"},
      {2, "zero_stage: 3", "data 2 (ZeRO 3)"},
      {8, "tensor: 2 pipeline: 2 zero_stage: 3 sequence_parallel: true",
       "pipeline 2"},
  };
  ProcessResult process;
  const std::vector<double> want = Train(1, "config.pbtxt", process);
  ASSERT_EQ(want.size(), 2);
  for (const Layout& layout : layouts) {
    SCOPED_TRACE(layout.parallel);
    WriteConfig("shared.pbtxt", layout.parallel);
    const std::vector<double> got =
        Train(layout.ranks, "shared.pbtxt", process);
    ASSERT_EQ(got.size(), 2);
    for (int i = 0; i < 2; ++i) EXPECT_NEAR(got[i] / want[i], 1, 1e-5);
    // One summary, one line a validation: rank 0 alone speaks.
    EXPECT_THAT(process.output, HasSubstr(layout.shown));
    EXPECT_EQ(Occurrences(process.output, "cogdist:"), 1) << process.output;
    EXPECT_EQ(Occurrences(process.output, "validation loss"), 2);

    // The weights are whole, whoever has written them.
    EXPECT_NEAR(LossOf(Run("eval shared.pbtxt")), got[1], 2e-6);
    EXPECT_NEAR(LossOf(Run("eval shared.pbtxt", layout.ranks)), got[1], 1e-5);
  }
  const ProcessResult text =
      Run("generate shared.pbtxt --prompt The --max_tokens 5 --seed 1");
  EXPECT_EQ(text.exit_code, 0) << text.output;
  EXPECT_THAT(text.output, ::testing::StartsWith("The"));
}

TEST_F(LayoutsProgramTest, EvaluationOnRanksThatDoNotFitIsRefused) {
  WriteConfig("shared.pbtxt", "tensor: 4");
  const ProcessResult eval = Run("eval shared.pbtxt", 3);
  EXPECT_EQ(eval.exit_code, 2) << eval.output;
  EXPECT_THAT(eval.output,
              HasSubstr("3 ranks cannot be shared out by tensor * pipeline * "
                        "context = 4; start 4 ranks"));
}

}  // namespace
}  // namespace cogdist
