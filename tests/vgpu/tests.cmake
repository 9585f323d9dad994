# Tests of the virtual GPU and, on it, of kernels/cuda.
add_subdirectory(vgpu)
if(NOT COGDIST_SANITIZE)
  cogdist_test(vgpu/simt/faults LIBS cogdist_faulty_kernels)
  cogdist_test(vgpu/simt/shadow)
  foreach(name attention_mma attention_simt attention_split column_sum
          cross_entropy elementwise embedding gelu layernorm ordered_bits reduce rmsnorm)
    cogdist_test(kernels/cuda/${name} LIBS cogdist_emulated_kernels cogdist_ptx
      hwy::hwy)
  endforeach()
  # Attention under all seeds.
  foreach(name attention_mma attention_simt attention_split)
    add_test(NAME kernels/cuda/${name}_slow
      COMMAND kernels_cuda_${name}_test)
    set_tests_properties(kernels/cuda/${name}_slow PROPERTIES
      LABELS slow TIMEOUT 900 ENVIRONMENT COGDIST_ALL_SEEDS=1)
  endforeach()
endif()
