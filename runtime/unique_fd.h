// A POSIX file descriptor that is closed at the end of its scope.

#ifndef COGDIST_RUNTIME_UNIQUE_FD_H_
#define COGDIST_RUNTIME_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace cogdist {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  // Errors of close() are ignored here: whoever needs them calls Release().
  ~UniqueFd() {
    if (fd_ >= 0) close(fd_);
  }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives the descriptor up without closing it.
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_UNIQUE_FD_H_
