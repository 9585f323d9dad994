#include "tests/kernels/cuda/machine_code/instruction.h"

namespace cogdist::machine_code {
namespace {

constexpr uint32_t kSignBit = 0x80000000;

// Bits [at, at + count).
uint64_t Bits(uint64_t word, int at, int count) {
  return word >> at & ((uint64_t{1} << count) - 1);
}

// Of loads and stores: log2 of the bytes of four threads.
bool Is16Bytes(const Instruction& instruction) {
  return Bits(instruction.high, 9, 3) == 6;
}

}  // namespace

Kind Instruction::kind() const {
  switch (Bits(low, 0, 9)) {
    case 0x03c:
      return Kind::kTensor;
    case 0x008:  // FSEL
    case 0x009:  // FMNMX
    case 0x00b:  // FSETP
    case 0x020:  // FMUL
    case 0x021:  // FADD
    case 0x023:  // FFMA
    case 0x03e:  // F2FP
    case 0x076:  // FMNMX3
    case 0x108:  // MUFU
      return Kind::kElementwise;
    case 0x012:  // LOP3; with an immediate operand in the upper half
      return low >> 32 == kSignBit || low >> 32 == ~kSignBit
                 ? Kind::kElementwise
                 : Kind::kOther;
    case 0x03b:
      return Kind::kLoadMatrix;
    case 0x1ae:
      return Kind::kCopyAsync;
    case 0x181:
      return Is16Bytes(*this) ? Kind::kLoad16 : Kind::kOther;
    case 0x186:
      return Is16Bytes(*this) ? Kind::kStore16 : Kind::kOther;
    case 0x183:
    case 0x187:
      return Kind::kLocal;
    case 0x147:
      return Kind::kBranch;
    case 0x14d:  // EXIT
    case 0x150:  // RET
      return Kind::kEnd;
    default:
      return Kind::kOther;
  }
}

bool Instruction::conditional() const {
  constexpr int kAlways = 7;  // the predicate PT
  const bool guarded = Bits(low, 12, 4) != kAlways;
  if (kind() != Kind::kBranch) return guarded;
  const bool by_predicate = Bits(high, 23, 4) != kAlways;
  const bool by_warp = Bits(low, 32, 2) != 0;  // .U, .DIV and their like
  return guarded || by_predicate || by_warp;
}

bool Instruction::for_diverged() const {
  return kind() == Kind::kBranch && Bits(low, 32, 2) == 2;
}

int64_t Instruction::branch_distance(int target) const {
  // A signed number of 4-byte units, sixteen bytes an instruction. Since sm_90
  // it has eight bits more, below.
  const int64_t upper = static_cast<int32_t>(low >> 32) >> 2;
  const int64_t units =
      target < 90 ? upper
                  : upper * 256 + static_cast<int64_t>(Bits(low, 16, 8));
  return units / 4;
}

}  // namespace cogdist::machine_code
