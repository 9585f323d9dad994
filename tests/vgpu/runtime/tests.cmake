# Tests of the virtual GPU's runtime and, on it, of the CUDA backend.
add_subdirectory(vgpu/runtime)
foreach(name collective_faults nccl_order runtime)
  cogdist_test(vgpu/runtime/${name} LABELS virtual LIBS cogdist_vgpu_runtime)
endforeach()
if(NOT COGDIST_SANITIZE)
  foreach(name kernel_launch stream_order)
    cogdist_test(vgpu/runtime/${name} LABELS virtual
      LIBS cogdist_vgpu_test_kernels cogdist_vgpu_runtime)
  endforeach()
  cogdist_test(vgpu/runtime/stream_race LABELS virtual)
  target_compile_definitions(vgpu_runtime_stream_race_test PRIVATE
    COGDIST_STREAM_RACE="$<TARGET_FILE:vgpu_stream_race>")
  add_dependencies(vgpu_runtime_stream_race_test vgpu_stream_race)
  add_test(NAME vgpu/runtime/stream_race_slow
    COMMAND vgpu_runtime_stream_race_test)
  set_tests_properties(vgpu/runtime/stream_race_slow PROPERTIES
    LABELS slow TIMEOUT 900 ENVIRONMENT COGDIST_ALL_SEEDS=1)
endif()
cogdist_test(vgpu/runtime/bench LABELS virtual
  LIBS cogdist_launcher cogdist_cuda_on_vgpu)
cogdist_test(vgpu/runtime/cuda_backend LABELS virtual LIBS cogdist_cuda_on_vgpu)
cogdist_test(vgpu/runtime/nccl_watch LABELS virtual LIBS cogdist_cuda_on_vgpu)

# Where the toolkit is, our declarations are compared with it.
if(TARGET cogdist_cuda)
  add_library(vgpu_our_api OBJECT vgpu/runtime/api_facts.cc)
  target_compile_definitions(vgpu_our_api PRIVATE COGDIST_API_FACTS=OurApi)
  target_include_directories(vgpu_our_api BEFORE PRIVATE vgpu/include)
  add_library(vgpu_toolkit_api OBJECT vgpu/runtime/api_facts.cc)
  target_compile_definitions(vgpu_toolkit_api PRIVATE
    COGDIST_API_FACTS=ToolkitApi)
  target_include_directories(vgpu_toolkit_api SYSTEM PRIVATE
    ${CUDAToolkit_INCLUDE_DIRS} ${NCCL_INCLUDE_DIR})
  target_link_libraries(vgpu_our_api PRIVATE cogdist_flags)
  target_link_libraries(vgpu_toolkit_api PRIVATE cogdist_flags)
  # The names of functions are all that is needed of them.
  cogdist_test(vgpu/runtime/api_facts LABELS virtual
    LIBS vgpu_our_api vgpu_toolkit_api cogdist_vgpu_runtime)
endif()
