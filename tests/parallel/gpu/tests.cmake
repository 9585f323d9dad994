# Tests on whatever GPU there is; where there is none they are skipped and say
# what they lack. The same programs run on a virtual GPU, which proves the tests.

# cogdist_gpu_test(NAME [VIRTUAL_GPUS n] [LIBS ...]): parallel/gpu/NAME_test.cc as
# parallel/gpu/NAME and, on one or n virtual GPUs, as parallel/gpu/NAME_vgpu.
# Processes have no virtual GPU in common: several are for ranks that are threads.
function(cogdist_gpu_test name)
  cmake_parse_arguments(ARG "" "VIRTUAL_GPUS" "LIBS" ${ARGN})
  if(NOT ARG_VIRTUAL_GPUS)
    set(ARG_VIRTUAL_GPUS 1)
  endif()
  cogdist_test(parallel/gpu/${name} LABELS gpu LIBS ${ARG_LIBS})
  set(target parallel_gpu_${name}_test)
  # The module takes what it shares with the program from the program: all of it
  # has to be there, used or not.
  set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON
    LINK_LIBRARY_OVERRIDE
      WHOLE_ARCHIVE,cogdist_runtime,cogdist_kernels,cogdist_parallel)
  target_compile_definitions(${target} PRIVATE
    COGDIST_BINARY="$<TARGET_FILE:cogdist>")
  add_dependencies(${target} cogdist cogdist_vgpu_module)
  if(TARGET cogdist_cuda)
    add_dependencies(${target} cogdist_cuda)
  endif()
  add_test(NAME parallel/gpu/${name}_vgpu COMMAND ${target}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set(environment OMP_WAIT_POLICY=passive COGDIST_VGPU_CHECK=0
    COGDIST_VGPU_DEVICES=${ARG_VIRTUAL_GPUS} COGDIST_GOLDEN_STEPS=2
    COGDIST_GPU_MODULE=${CMAKE_BINARY_DIR}/libcogdist_vgpu.so)
  set_tests_properties(parallel/gpu/${name}_vgpu PROPERTIES LABELS virtual TIMEOUT 600
    ENVIRONMENT "${environment}")
endfunction()

if(NOT COGDIST_SANITIZE)
  cogdist_gpu_test(kernels LIBS hwy::hwy)
  cogdist_gpu_test(collectives VIRTUAL_GPUS 3)
  cogdist_gpu_test(golden LIBS nlohmann_json::nlohmann_json)
endif()
