# Tests of the virtual GPU and, on it, of kernels/cuda.
if(NOT COGDIST_SANITIZE)
  add_subdirectory(vgpu)
  cogdist_test(vgpu/simt/faults LIBS cogdist_faulty_kernels)
  cogdist_test(vgpu/simt/shadow)
endif()
