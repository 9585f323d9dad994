// A thread of a kernel as its instructions see it.

#ifndef COGDIST_TESTS_VGPU_PTX_THREAD_H_
#define COGDIST_TESTS_VGPU_PTX_THREAD_H_

#include <bit>
#include <cstdint>
#include <string>
#include <type_traits>

#include "tests/vgpu/ptx/program.h"
#include "tests/vgpu/simt/block.h"

namespace cogdist::ptx {

class Thread {
 public:
  // `registers` and `parameters` are the caller's.
  Thread(simt::Block& block, const Entry& entry, uint64_t* registers,
         const unsigned char* parameters)
      : block_(block),
        entry_(entry),
        registers_(registers),
        parameters_(parameters) {}

  // Runs it to its end; the number of instructions that it took.
  uint64_t Run();

  // Registers have 64 bits. A narrower number lies in the lower ones, and what
  // is in the others does not matter.
  template <typename T>
  T Get(const Operand& operand) const {
    const uint64_t bits = registers_[operand.base] + operand.offset;
    if constexpr (std::is_same_v<T, float>) {
      return std::bit_cast<float>(static_cast<uint32_t>(bits));
    } else if constexpr (std::is_same_v<T, double>) {
      return std::bit_cast<double>(bits);
    } else if constexpr (std::is_same_v<T, bool>) {
      return (bits & 1) != 0;
    } else {
      return static_cast<T>(bits);
    }
  }
  template <typename T>
  void Set(const Operand& operand, T value) {
    if constexpr (std::is_same_v<T, float>) {
      registers_[operand.base] = std::bit_cast<uint32_t>(value);
    } else if constexpr (std::is_same_v<T, double>) {
      registers_[operand.base] = std::bit_cast<uint64_t>(value);
    } else {
      // Extends the sign, as loads into wider registers do.
      registers_[operand.base] = static_cast<uint64_t>(value);
    }
  }

  void JumpTo(const Operand& label) { next_ = label.offset; }
  void End() { next_ = entry_.code.size(); }

  simt::Block& block() { return block_; }
  const Entry& entry() const { return entry_; }
  const unsigned char* parameters() const { return parameters_; }

 private:
  simt::Block& block_;
  const Entry& entry_;
  uint64_t* const registers_;
  const unsigned char* const parameters_;
  size_t next_ = 0;
};

}  // namespace cogdist::ptx

#endif  // COGDIST_TESTS_VGPU_PTX_THREAD_H_
