// What shadow memory knows of two bytes: who wrote and read them last, and
// where in the program.

#ifndef COGDIST_TESTS_VGPU_SIMT_CELL_H_
#define COGDIST_TESTS_VGPU_SIMT_CELL_H_

#include <cstddef>
#include <cstdint>

#include "tests/vgpu/simt/clocks.h"
#include "tests/vgpu/simt/source_line.h"

namespace cogdist::simt {

// The smallest element of any kernel. Accesses of single bytes would be taken
// for accesses of the pair.
inline constexpr size_t kCellBytes = 2;

// How many cells memory has that begins at a multiple of kCellBytes.
inline constexpr size_t CellsOf(size_t bytes) {
  return (bytes + kCellBytes - 1) / kCellBytes;
}

// Fresh pages, which are zero, are cells of memory that nobody has touched.
struct Cell {
  static constexpr uint8_t kSeveralWarps = 0xff;

  // Blocks are numbered over all launches on a memory, from 1; 0 is the host.
  uint32_t write_block = 0;
  Stamp write_stamp = 0;
  CodeOffset write_code = 0;
  uint32_t read_block = 0;
  Stamp read_stamp = 0;  // with kSeveralWarps: the number of barriers before
  CodeOffset read_code = 0;
  uint32_t read_lanes = 0;     // of read_warp, since the last write
  uint32_t other_readers = 0;  // a set of operations: see History
  uint16_t writer = 0;
  uint16_t reader = 0;  // the last one
  uint8_t read_warp = 0;
  bool initialised = false;
  bool in_flight = false;       // cp.async's destination
  bool read_by_blocks = false;  // by several of one launch
  bool mixed_stamps = false;    // read_lanes have stamps of their own
};

}  // namespace cogdist::simt

#endif  // COGDIST_TESTS_VGPU_SIMT_CELL_H_
