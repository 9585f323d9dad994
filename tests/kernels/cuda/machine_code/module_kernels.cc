#include "tests/kernels/cuda/machine_code/module_kernels.h"

#include <cxxabi.h>
#include <elf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace cogdist::machine_code {
namespace {

constexpr uint16_t kCudaMachine = 190;  // in an ELF header

template <typename T>
T ReadAt(absl::string_view bytes, size_t at) {
  T value = {};
  if (at + sizeof(T) <= bytes.size()) {
    std::memcpy(&value, bytes.data() + at, sizeof(T));
  }
  return value;
}

// "void cogdist::cuda::(anonymous namespace)::CastKernel<float, 8>(Params)"
// -> "CastKernel<float, 8>".
std::string KernelName(const std::string& symbol) {
  int status = 0;
  char* const text =
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status);
  if (text == nullptr) return symbol;
  const std::string name = absl::StrReplaceAll(
      text, {{"(anonymous namespace)::", ""}, {"cogdist::cuda::", ""}});
  std::free(text);
  absl::string_view result = name;
  absl::ConsumePrefix(&result, "void ");
  result = result.substr(0, result.rfind('('));
  // nvcc names anonymous namespaces after their files.
  const size_t scope = result.substr(0, result.find('<')).rfind("::");
  if (scope != result.npos) result.remove_prefix(scope + 2);
  return std::string(result);
}

// One ELF image with the kernels of one source file for one target.
class Image {
 public:
  explicit Image(absl::string_view bytes)
      : bytes_(bytes), header_(ReadAt<Elf64_Ehdr>(bytes, 0)) {
    const Elf64_Shdr names = Section(header_.e_shstrndx);
    for (int i = 0; i < header_.e_shnum; ++i) {
      const Elf64_Shdr section = Section(i);
      sections_[&bytes_[names.sh_offset + section.sh_name]] = section;
    }
  }

  std::vector<MachineKernel> Kernels() const {
    std::vector<MachineKernel> kernels;
    for (const auto& [name, section] : sections_) {
      absl::string_view symbol = name;
      if (!absl::ConsumePrefix(&symbol, ".text.")) continue;
      kernels.push_back(Kernel(std::string(symbol), section));
    }
    return kernels;
  }

 private:
  Elf64_Shdr Section(int index) const {
    return ReadAt<Elf64_Shdr>(bytes_,
                              header_.e_shoff + index * header_.e_shentsize);
  }

  MachineKernel Kernel(const std::string& symbol,
                       const Elf64_Shdr& text) const {
    MachineKernel kernel;
    kernel.name = KernelName(symbol);
    kernel.target = header_.e_flags >> 8 & 0xff;
    // The symbol's number; for sm_80 it has registers above it.
    const int number = text.sh_info & 0xffffff;
    kernel.registers = Attribute(".nv.info", kRegisters, number);
    kernel.stack_bytes = Attribute(".nv.info", kFrameSize, number);
    const auto shared = sections_.find(".nv.shared." + symbol);
    if (shared != sections_.end()) {
      // Since sm_90 with what the system reserves, as all blocks pay it.
      const int reserved = kernel.target < 90 ? 0 : kReservedSharedBytes;
      kernel.static_shared_bytes =
          static_cast<int>(shared->second.sh_size) - reserved;
    }
    kernel.threads = Attribute(".nv.info." + symbol, kMaxThreads, -1);
    for (size_t at = 0; at < text.sh_size; at += 16) {
      kernel.code.push_back(
          {ReadAt<uint64_t>(bytes_, text.sh_offset + at),
           ReadAt<uint64_t>(bytes_, text.sh_offset + at + 8)});
    }
    return kernel;
  }

  // Attributes are a format, a number and a value: of two bytes or, with format
  // kSized, those two bytes are a size and the value follows.
  enum : uint8_t {
    kSized = 4,
    kMaxThreads = 5,
    kFrameSize = 0x11,
    kRegisters = 0x2f
  };

  // The first word of an attribute or, for one that lists symbols, the word
  // behind `symbol`. 0 if there is none.
  int Attribute(const std::string& section, uint8_t number, int symbol) const {
    const auto found = sections_.find(section);
    if (found == sections_.end()) return 0;
    const size_t end = found->second.sh_offset + found->second.sh_size;
    for (size_t at = found->second.sh_offset; at < end;) {
      const bool sized = ReadAt<uint8_t>(bytes_, at) == kSized;
      if (ReadAt<uint8_t>(bytes_, at + 1) == number) {
        const int first = ReadAt<int32_t>(bytes_, at + 4);
        if (symbol < 0) return first;
        if (symbol == first) return ReadAt<int32_t>(bytes_, at + 8);
      }
      at += 4 + (sized ? ReadAt<uint16_t>(bytes_, at + 2) : 0);
    }
    return 0;
  }

  absl::string_view bytes_;
  Elf64_Ehdr header_;
  std::map<std::string, Elf64_Shdr> sections_;
};

}  // namespace

absl::StatusOr<std::vector<MachineKernel>> ReadKernels(
    const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string contents{std::istreambuf_iterator<char>(file), {}};
  std::vector<MachineKernel> kernels;
  for (size_t at = contents.find(ELFMAG); at != contents.npos;
       at = contents.find(ELFMAG, at + 1)) {
    const absl::string_view rest = absl::string_view(contents).substr(at);
    if (ReadAt<Elf64_Ehdr>(rest, 0).e_machine != kCudaMachine) continue;
    for (MachineKernel& kernel : Image(rest).Kernels()) {
      kernels.push_back(std::move(kernel));
    }
  }
  if (kernels.empty()) {
    return absl::NotFoundError(absl::StrCat(
        path, ": no machine code of GPUs; was it compressed by nvcc?"));
  }
  std::sort(kernels.begin(), kernels.end(), [](const auto& a, const auto& b) {
    return std::tie(a.name, a.target) < std::tie(b.name, b.target);
  });
  return kernels;
}

}  // namespace cogdist::machine_code
