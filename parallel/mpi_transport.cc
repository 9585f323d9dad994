#include "parallel/mpi_transport.h"

#include <mpi.h>

#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parallel/mpi_status.h"
#include "runtime/check.h"
#include "runtime/status_macros.h"

namespace cogdist {
namespace {

class MpiTransport : public Transport {
 public:
  // Takes over `group`.
  explicit MpiTransport(MPI_Comm group) : group_(group) {
    MpiCheck(MPI_Comm_rank(group_, &rank_), "MPI_Comm_rank");
    MpiCheck(MPI_Comm_size(group_, &size_), "MPI_Comm_size");
  }

  ~MpiTransport() override {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (!finalized) MPI_Comm_free(&group_);
  }

  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  Request Send(Address to, const void* data, int64_t bytes) override {
    const Request request = NewRequest();
    const int code = MPI_Isend(data, Count(bytes), MPI_BYTE, to.peer, to.tag,
                               group_, &requests_[request]);
    if (code != MPI_SUCCESS) Fail(code, "MPI_Isend", to, bytes);
    return request;
  }

  Request Receive(Address from, void* data, int64_t bytes) override {
    const Request request = NewRequest();
    const int code = MPI_Irecv(data, Count(bytes), MPI_BYTE, from.peer,
                               from.tag, group_, &requests_[request]);
    if (code != MPI_SUCCESS) Fail(code, "MPI_Irecv", from, bytes);
    return request;
  }

  bool Test(Request request) override {
    int done = 0;
    MpiCheck(MPI_Test(&requests_[request], &done, MPI_STATUS_IGNORE),
             "MPI_Test");
    if (done) free_.push_back(request);
    return done;
  }

  absl::StatusOr<std::unique_ptr<Transport>> Split(
      absl::Span<const int> members) override {
    MPI_Group all = MPI_GROUP_NULL;
    MPI_Group part = MPI_GROUP_NULL;
    MPI_Comm group = MPI_COMM_NULL;
    COG_RETURN_IF_ERROR(
        MpiStatus(MPI_Comm_group(group_, &all), "MPI_Comm_group"));
    absl::Status status =
        MpiStatus(MPI_Group_incl(all, members.size(), members.data(), &part),
                  "MPI_Group_incl");
    if (status.ok()) {
      status = MpiStatus(MPI_Comm_create_group(group_, part, 0, &group),
                         "MPI_Comm_create_group");
      MPI_Group_free(&part);
    }
    MPI_Group_free(&all);
    COG_RETURN_IF_ERROR(status);
    return std::make_unique<MpiTransport>(group);
  }

 private:
  static int Count(int64_t bytes) {
    COG_CHECK_LE(bytes, std::numeric_limits<int>::max());
    return static_cast<int>(bytes);
  }

  void Fail(int code, absl::string_view call, Address peer, int64_t bytes) {
    MpiCheck(code, absl::StrCat(call, " of ", bytes, " bytes with rank ",
                                peer.peer, " of ", size_));
  }

  Request NewRequest() {
    if (free_.empty()) {
      free_.push_back(requests_.size());
      requests_.push_back(MPI_REQUEST_NULL);
    }
    const Request request = free_.back();
    free_.pop_back();
    return request;
  }

  MPI_Comm group_;
  int rank_ = 0;
  int size_ = 0;
  std::vector<MPI_Request> requests_;
  std::vector<Request> free_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> CreateMpiTransport() {
  MPI_Comm world = MPI_COMM_NULL;
  COG_RETURN_IF_ERROR(
      MpiStatus(MPI_Comm_dup(MPI_COMM_WORLD, &world), "MPI_Comm_dup"));
  // Copies inherit it, and errors come back as codes.
  COG_RETURN_IF_ERROR(
      MpiStatus(MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN),
                "MPI_Comm_set_errhandler"));
  return std::make_unique<MpiTransport>(world);
}

}  // namespace cogdist
