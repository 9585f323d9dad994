// A stream's scratch memory, which grows when needed and never shrinks.

#ifndef COGDIST_RUNTIME_SCRATCH_MEMORY_H_
#define COGDIST_RUNTIME_SCRATCH_MEMORY_H_

#include <cstdint>

#include "runtime/buffer.h"
#include "runtime/stream.h"

namespace cogdist {

// Destroyed after the stream's work is done.
class ScratchMemory {
 public:
  // At least `bytes`; larger than before only after `stream` has finished with
  // what there was.
  void* Reserve(Stream& stream, int64_t bytes);
  int64_t bytes() const { return buffer_.bytes(); }

 private:
  Buffer buffer_;
};

}  // namespace cogdist

#endif  // COGDIST_RUNTIME_SCRATCH_MEMORY_H_
