// The kernels of a folder of PTX, found by the names that people write.

#ifndef COGDIST_TESTS_VGPU_PTX_LIBRARY_H_
#define COGDIST_TESTS_VGPU_PTX_LIBRARY_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/vgpu/ptx/program.h"

namespace cogdist::ptx {

// "cogdist::cuda::(anonymous namespace)::RopeKernel<float, 1>(...)": compilers
// mangle the anonymous namespace differently, but all demangle it to this.
std::string Demangled(const std::string& name);

class Library {
 public:
  // All files *.ptx in `folder`, of which there is at least one.
  static absl::StatusOr<Library> Load(const std::string& folder);

  // Adds the kernels of a text. `file` is its name in errors and reports.
  absl::Status Add(absl::string_view text, std::string file);

  // Null if there is none of this name. The library's, as long as it lives.
  const Entry* Find(const std::string& demangled) const;
  size_t size() const { return entries_.size(); }

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_LIBRARY_H_
