#include "tests/vgpu/ptx/library.h"

#include <cxxabi.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/status_macros.h"
#include "tests/vgpu/ptx/parser.h"

namespace cogdist::ptx {

std::string Demangled(const std::string& name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

absl::StatusOr<Library> Library::Load(const std::string& folder) {
  Library library;
  std::error_code error;
  const std::filesystem::directory_iterator files(folder, error);
  for (const auto& file : files) {
    const std::filesystem::path& path = file.path();
    if (path.extension() != ".ptx") continue;
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    COG_RETURN_IF_ERROR(
        library.Add(text.str(), path.parent_path().filename().string() + "/" +
                                    path.filename().string()));
  }
  if (library.size() > 0) return library;
  return absl::NotFoundError(absl::StrCat("no PTX in '", folder, "'"));
}

absl::Status Library::Add(absl::string_view text, std::string file) {
  COG_ASSIGN_OR_RETURN(Module module, Parse(text, std::move(file)));
  for (Entry& entry : module.entries) {
    std::string name = Demangled(entry.name);
    if (!entries_.emplace(name, std::move(entry)).second) {
      return absl::AlreadyExistsError(absl::StrCat("two kernels ", name));
    }
  }
  return absl::OkStatus();
}

const Entry* Library::Find(const std::string& demangled) const {
  const auto found = entries_.find(demangled);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace cogdist::ptx
