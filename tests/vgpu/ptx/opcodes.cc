#include "tests/vgpu/ptx/opcodes.h"

namespace cogdist::ptx {
namespace {

OpcodeTable MakeTable() {
  OpcodeTable table;
  AddArithmetic(table);
  AddBitOperations(table);
  AddCollectives(table);
  AddComparisons(table);
  AddControl(table);
  AddConversions(table);
  AddCopies(table);
  AddMemory(table);
  return table;
}

}  // namespace

const OpcodeTable& Opcodes() {
  static const OpcodeTable& table = *new OpcodeTable(MakeTable());
  return table;
}

}  // namespace cogdist::ptx
