// What the interpreter knows: the names of instructions, the operands that they
// take and the functions that do them. A file a group adds its own.

#ifndef COGDIST_TESTS_VGPU_PTX_OPCODES_H_
#define COGDIST_TESTS_VGPU_PTX_OPCODES_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tests/vgpu/ptx/program.h"

namespace cogdist::ptx {

// One way to write an instruction. `operands` has a character for each:
//   d  a register, written     a  an address in brackets
//   s  a register or number    l  a label
//   0  the number 0            w  the number 16, a wide copy's bytes
// with the braces and bars that stand between them. Commas are left out.
struct Form {
  absl::string_view operands;
  Execute execute;
};

class OpcodeTable {
 public:
  void Add(std::string name, absl::string_view operands, Execute execute) {
    forms_[std::move(name)].push_back({operands, execute});
  }
  // Empty for names that are not known.
  absl::Span<const Form> Find(absl::string_view name) const {
    const auto found = forms_.find(name);
    if (found == forms_.end()) return {};
    return found->second;
  }

 private:
  absl::flat_hash_map<std::string, std::vector<Form>> forms_;
};

void AddArithmetic(OpcodeTable& table);
void AddBitOperations(OpcodeTable& table);
void AddCollectives(OpcodeTable& table);
void AddComparisons(OpcodeTable& table);
void AddControl(OpcodeTable& table);
void AddConversions(OpcodeTable& table);
void AddCopies(OpcodeTable& table);
void AddMemory(OpcodeTable& table);

// All of them.
const OpcodeTable& Opcodes();

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_OPCODES_H_
