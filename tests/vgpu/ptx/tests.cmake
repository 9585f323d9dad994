# Tests of the PTX interpreter and, where nvcc is, of what it makes of
# kernels/cuda.
if(NOT COGDIST_SANITIZE)
  cogdist_test(vgpu/ptx/parser LABELS virtual LIBS cogdist_ptx)
  cogdist_test(vgpu/ptx/instructions LABELS virtual LIBS cogdist_ptx)
  cogdist_test(vgpu/ptx/faults LABELS virtual LIBS cogdist_ptx)
endif()

if(TARGET cogdist_ptx_sm_80)
  cogdist_test(vgpu/ptx/kernels LABELS virtual
    LIBS cogdist_emulated_kernels cogdist_ptx hwy::hwy)
  target_compile_definitions(vgpu_ptx_kernels_test PRIVATE
    COGDIST_PTX_FOLDER="${CMAKE_BINARY_DIR}/ptx")
  # The kernels' own tests, on the interpreter.
  foreach(architecture sm_80 sm_90a)
    add_dependencies(vgpu_ptx_kernels_test cogdist_ptx_${architecture})
    foreach(name attention_mma attention_place attention_simt attention_split column_sum
            cross_entropy elementwise embedding gelu layernorm ordered_bits reduce rmsnorm)
      set(test kernels/cuda/${name}_${architecture})
      set(environment COGDIST_PTX=${CMAKE_BINARY_DIR}/ptx/${architecture})
      add_test(NAME ${test} COMMAND kernels_cuda_${name}_test)
      set_tests_properties(${test} PROPERTIES LABELS virtual TIMEOUT 600
        ENVIRONMENT "${environment};COGDIST_SEEDS=12")
      add_test(NAME ${test}_slow COMMAND kernels_cuda_${name}_test)
      set_tests_properties(${test}_slow PROPERTIES LABELS slow TIMEOUT 1800
        ENVIRONMENT "${environment};COGDIST_ALL_SEEDS=1")
    endforeach()
  endforeach()
endif()
