// `cogdist checkpoint export` and `import` as their users run them: from a run
// on several ranks to a folder, and on from there.

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/file.h"
#include "tests/program_command.h"
#include "tests/subprocess.h"
#include "tests/temp_dir.h"

namespace cogdist {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kConfig[] = R"(
model { cogformer {
  vocab_size: 257 num_layers: 3 hidden_size: 32 num_heads: 4 num_kv_heads: 2
  ffn_size: 48 max_seq_len: 32 rope_theta: 600
  attention { softmax_layers: 0 softmax_layers: -1 } } }
data { train { prefix: "text" } eos_token_id: 256 }
batch { global_batch_size: 4 }
lr_schedule { peak_lr: 1e-2 }
train_steps: 6
tokenizer: "bytes"
run_dir: "run"
)";

class ConvertProgramTest : public ::testing::Test {
 protected:
  ProcessResult Run(absl::string_view args, absl::string_view launcher = "") {
    return RunShell(absl::StrCat(launcher, COGDIST_BINARY, " ", args),
                    dir_.path());
  }
  void ExpectDone(absl::string_view args, absl::string_view launcher = "") {
    const ProcessResult result = Run(args, launcher);
    EXPECT_EQ(result.exit_code, 0) << args << "\n" << result.output;
  }
  // What `eval` prints, to the digits that it prints.
  std::string Evaluation(absl::string_view args) {
    const ProcessResult result = Run(absl::StrCat("eval ", args));
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return result.output;
  }

  const TempDir dir_;
};

TEST_F(ConvertProgramTest, FromARunToAFolderAndOn) {
  std::ofstream text(dir_ / "text.txt");
  for (int i = 0; i < 100; ++i) text << "Line " << i << " of a short text. ";
  text.close();
  std::ofstream(dir_ / "run.pbtxt") << kConfig;
  ExpectDone(
      "prepare --output text --tokenizer bytes --validation_fraction 0 "
      "text.txt");
  ExpectDone("train run.pbtxt --set parallel.tensor=2",
             absl::StrCat(kMpiRun, "-np 2 "));
  const ProcessResult exported =
      Run("checkpoint export run --output new/exported/ --max_shard_gb 5e-5");
  EXPECT_EQ(exported.exit_code, 0);
  EXPECT_THAT(exported.output,
              AllOf(HasSubstr("new/exported: "), HasSubstr("in 30 tensors, ")));
  ExpectDone("checkpoint import new/exported --output imported");
  const std::string expected = Evaluation("run.pbtxt --data text");
  for (const char* const folder : {"new/exported", "imported"}) {
    EXPECT_EQ(Evaluation(absl::StrCat(folder, "/config.pbtxt --checkpoint ",
                                      folder, " --data text")),
              expected);
  }
  // The weights as training leaves them, with what is known about the run.
  ExpectDone(
      "checkpoint import run/weights/model.safetensors --config run.pbtxt "
      "--output by_hand");
  EXPECT_EQ(*ReadFile(dir_ / "by_hand/model.safetensors"),
            *ReadFile(dir_ / "imported/model.safetensors"));
  ExpectDone(
      "train imported/config.pbtxt --set data.train.0.prefix=text --set "
      "batch.global_batch_size=4 --set lr_schedule.peak_lr=1e-3 --set "
      "train_steps=1");
  EXPECT_TRUE(FileExists(dir_ / "runs/imported/checkpoints/step_00000001"));
  // Nothing is overwritten.
  const ProcessResult again = Run("checkpoint export run --output imported");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.output, HasSubstr("imported: exists already; choose"));
}

}  // namespace
}  // namespace cogdist
