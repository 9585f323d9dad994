#include "tests/vgpu/simt/program_image.h"

#include <dlfcn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

// The linker's. Hidden: those of this image, not of the program that has loaded
// it.
extern "C" {
extern const char __ehdr_start __attribute__((visibility("hidden")));  // NOLINT
extern const char _end __attribute__((visibility("hidden")));          // NOLINT
}

namespace cogdist::simt {

uintptr_t ImageBegin() { return reinterpret_cast<uintptr_t>(&__ehdr_start); }

bool InImage(uintptr_t address) {
  return address >= ImageBegin() &&
         address < reinterpret_cast<uintptr_t>(&_end);
}

std::string ImageFile() {
  // The program itself goes by a name that only its caller could resolve.
  Dl_info info = {};
  if (InImage(getauxval(AT_PHDR)) || dladdr(&__ehdr_start, &info) == 0) {
    return absl::StrCat("/proc/", getpid(), "/exe");
  }
  return info.dli_fname;
}

}  // namespace cogdist::simt
