// CUDA's extent of a grid or a block, as kernels know it.

#ifndef COGDIST_TESTS_VGPU_SIMT_DIM3_H_
#define COGDIST_TESTS_VGPU_SIMT_DIM3_H_

struct dim3 {
  constexpr dim3(unsigned width = 1, unsigned height = 1,  // NOLINT: CUDA's
                 unsigned depth = 1)
      : x(width), y(height), z(depth) {}
  constexpr unsigned volume() const { return x * y * z; }

  unsigned x, y, z;
};

#endif  // COGDIST_TESTS_VGPU_SIMT_DIM3_H_
