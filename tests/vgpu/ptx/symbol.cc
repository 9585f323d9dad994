#include "tests/vgpu/ptx/symbol.h"

#include <elf.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "tests/vgpu/simt/source_line.h"

namespace cogdist::ptx {
namespace {

template <typename T>
std::vector<T> ReadTable(std::ifstream& file, uint64_t offset, uint64_t count) {
  std::vector<T> table(count);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(table.data()),
            static_cast<std::streamsize>(count * sizeof(T)));
  return table;
}

}  // namespace

std::string SymbolAt(const void* code) {
  const simt::CodeOffset address = simt::OffsetOf(code);
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const auto header = ReadTable<Elf64_Ehdr>(file, 0, 1)[0];
  const auto sections =
      ReadTable<Elf64_Shdr>(file, header.e_shoff, header.e_shnum);
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_SYMTAB) continue;
    const auto symbols = ReadTable<Elf64_Sym>(
        file, section.sh_offset, section.sh_size / sizeof(Elf64_Sym));
    const Elf64_Shdr& names = sections.at(section.sh_link);
    for (const Elf64_Sym& symbol : symbols) {
      if (symbol.st_value != address ||
          ELF64_ST_TYPE(symbol.st_info) != STT_FUNC) {
        continue;
      }
      std::string name;
      file.seekg(static_cast<std::streamoff>(names.sh_offset + symbol.st_name));
      std::getline(file, name, '\0');
      return name;
    }
  }
  return "";
}

}  // namespace cogdist::ptx
