#include "parallel/mpi_status.h"

#include <mpi.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "runtime/check.h"

namespace cogdist {

absl::Status MpiStatus(int code, absl::string_view call) {
  if (code == MPI_SUCCESS) return absl::OkStatus();
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return absl::UnavailableError(
      absl::StrCat(call, " failed: ", absl::string_view(text, length)));
}

void MpiCheck(int code, absl::string_view call) {
  if (code == MPI_SUCCESS) [[likely]]
    return;
  const RankTag tag = CurrentRankTag();
  const absl::Status status = MpiStatus(code, call);
  std::fprintf(stderr, "rank %d, step %lld: %s\n", tag.rank,
               static_cast<long long>(tag.step),
               std::string(status.message()).c_str());
  std::fflush(stderr);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

}  // namespace cogdist
