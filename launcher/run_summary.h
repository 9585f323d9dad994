// What rank 0 prints before the first step and after the last one.

#ifndef COGDIST_LAUNCHER_RUN_SUMMARY_H_
#define COGDIST_LAUNCHER_RUN_SUMMARY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cogdist {

// Bytes of one rank for one purpose: of memory, or sent in a step.
struct ByteCount {
  std::string kind;  // e.g. "weights", "pipeline"
  int64_t bytes = 0;
};

struct StartSummary {
  std::string name;    // of the run
  std::string model;   // e.g. "Cogformer, 12 layers, hidden 768"
  std::string layout;  // e.g. "2 ranks: data 2; 1 thread a rank; CPU, FP32"
  int64_t parameters = 0;
  double flops_per_token = 0;  // forward and backward
  // Sequences per update = micro * accumulation * data.
  int64_t micro_batch_size = 1;
  int64_t accumulation_steps = 1;
  int64_t data_parallel = 1;
  int64_t seq_len = 0;      // tokens
  int64_t train_steps = 0;  // of the whole run
  int64_t first_step = 1;   // above 1 when a run goes on
  // The plan of one rank, or of one of each pipeline stage: memory, and what it
  // sends in a step.
  std::vector<std::vector<ByteCount>> memory;
  std::vector<std::vector<ByteCount>> traffic;
  std::string run_dir;
};

// A few lines, each "  label:  text", with an end of line after the last.
std::string FormatStart(const StartSummary& summary);

struct EndSummary {
  // E.g. "SIGTERM"; empty: it did all the steps that it was asked for.
  std::string stopped_by;
  int64_t step = 0;  // updates done in the whole run
  int64_t train_steps = 0;
  int64_t tokens = 0;    // trained on by this process and its peers
  double seconds = 0;    // from the start of the program to now
  double step_time = 0;  // seconds of them spent in training steps
  int64_t skipped_steps = 0;
  std::optional<double> loss;             // of the last step
  std::optional<double> validation_loss;  // the last one
  std::optional<double> best_validation_loss;
  std::optional<double> mfu;    // mean, 0 to 1
  std::string weights_path;     // empty: none were written
  std::string checkpoint_path;  // the newest; likewise
  std::string run_dir;
};

// Likewise.
std::string FormatEnd(const EndSummary& summary);

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_RUN_SUMMARY_H_
