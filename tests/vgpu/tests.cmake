# Tests of the virtual GPU and, on it, of kernels/cuda.
if(NOT COGDIST_SANITIZE)
  add_subdirectory(vgpu)
  cogdist_test(vgpu/simt/faults LIBS cogdist_faulty_kernels)
  cogdist_test(vgpu/simt/shadow)
  foreach(name attention_mma attention_simt cross_entropy elementwise embedding
          ordered_bits reduce rmsnorm)
    cogdist_test(kernels/cuda/${name} LIBS cogdist_emulated_kernels hwy::hwy)
  endforeach()
  # Attention under all seeds.
  foreach(name attention_mma attention_simt)
    add_test(NAME kernels/cuda/${name}_slow
      COMMAND kernels_cuda_${name}_test)
    set_tests_properties(kernels/cuda/${name}_slow PROPERTIES
      LABELS slow TIMEOUT 900 ENVIRONMENT COGDIST_ALL_SEEDS=1)
  endforeach()
endif()
