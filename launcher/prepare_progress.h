// The progress of `cogdist prepare`: a line that is rewritten on a terminal,
// a plain line now and then anywhere else.

#ifndef COGDIST_LAUNCHER_PREPARE_PROGRESS_H_
#define COGDIST_LAUNCHER_PREPARE_PROGRESS_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cogdist {

// One thread at a time.
class PrepareProgress {
 public:
  // `activity` is a word such as "encoding"; `total_bytes` what Add() will
  // reach, of input as it lies in the files.
  PrepareProgress(absl::string_view activity, int64_t total_bytes,
                  std::FILE* log);

  void Add(int64_t documents, int64_t bytes, int64_t tokens);
  // Ends the line and prints the totals.
  void Finish();

 private:
  void Print();

  const std::string activity_;
  const int64_t total_bytes_;
  std::FILE* const log_;
  const bool terminal_;
  const absl::Time start_;
  absl::Time next_print_;
  int64_t documents_ = 0;
  int64_t bytes_ = 0;
  int64_t tokens_ = 0;
};

}  // namespace cogdist

#endif  // COGDIST_LAUNCHER_PREPARE_PROGRESS_H_
