# Tests of the virtual GPU and, on it, of kernels/cuda.
add_subdirectory(vgpu)
if(NOT COGDIST_SANITIZE)
  cogdist_test(vgpu/simt/faults LIBS cogdist_faulty_kernels)
  cogdist_test(vgpu/simt/shadow)
  foreach(name attention_mma attention_place attention_simt attention_split column_sum
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

# What nvcc made of the kernels, where it is.
if(TARGET cogdist_cuda)
  add_library(cogdist_machine_code STATIC
    kernels/cuda/machine_code/budget.cc
    kernels/cuda/machine_code/hot_loop.cc
    kernels/cuda/machine_code/instruction.cc
    kernels/cuda/machine_code/module_kernels.cc)
  target_link_libraries(cogdist_machine_code PUBLIC cogdist_runtime
    absl::str_format)
  target_compile_options(cogdist_machine_code PRIVATE -O1)
  cogdist_test(kernels/cuda/machine_code/budget LABELS virtual
    LIBS cogdist_machine_code)
  target_compile_definitions(kernels_cuda_machine_code_budget_test PRIVATE
    COGDIST_CUDA_MODULE="$<TARGET_FILE:cogdist_cuda>"
    COGDIST_NVCC_VERSION="${CMAKE_CUDA_COMPILER_VERSION}")
  add_dependencies(kernels_cuda_machine_code_budget_test cogdist_cuda)
endif()
