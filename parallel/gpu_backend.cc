#include "parallel/gpu_backend.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace cogdist {
namespace {

constexpr const char* kPathVariable = "COGDIST_GPU_MODULE";

}  // namespace

std::string GpuModulePath() {
  if (const char* named = std::getenv(kPathVariable)) return named;
  constexpr const char* kName = "libcogdist_cuda.so";
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::filesystem::path beside = folder / kName;
  if (std::filesystem::exists(beside, error)) return beside.string();
  return (folder.parent_path() / "lib" / "cogdist" / kName).string();
}

bool MayHaveGpus() {
  return std::getenv(kPathVariable) != nullptr ||
         dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != nullptr;
}

absl::StatusOr<const GpuBackend*> OpenGpuBackend(const std::string& path) {
  // Everything is bound now: a library that does not fit must not be found out
  // in the middle of a step.
  void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot use GPUs: ", dlerror(),
                     "; install CUDA's libraries and NCCL, build cogdist where "
                     "the CUDA toolkit is, or set device: CPU"));
  }
  const auto entry = reinterpret_cast<decltype(&CogdistGpuBackend)>(
      dlsym(module, "CogdistGpuBackend"));
  if (entry == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot use GPUs: ", path, " is no module of cogdist"));
  }
  return entry();
}

}  // namespace cogdist
