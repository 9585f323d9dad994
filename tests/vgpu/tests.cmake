# Tests of the virtual GPU and, on it, of kernels/cuda.
if(NOT COGDIST_SANITIZE)
  add_subdirectory(vgpu)
  cogdist_test(vgpu/simt/faults LIBS cogdist_faulty_kernels)
  cogdist_test(vgpu/simt/shadow)
  foreach(name attention_mma attention_simt cross_entropy elementwise embedding reduce
          rmsnorm)
    cogdist_test(kernels/cuda/${name} LIBS cogdist_emulated_kernels hwy::hwy)
  endforeach()
endif()
