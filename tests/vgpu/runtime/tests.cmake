# Tests of the virtual GPU's runtime and, on it, of the CUDA backend.
add_subdirectory(vgpu/runtime)
cogdist_test(vgpu/runtime/runtime LABELS vgpu LIBS cogdist_vgpu_runtime)
cogdist_test(vgpu/runtime/collective_faults LABELS vgpu
  LIBS cogdist_vgpu_runtime)
if(NOT COGDIST_SANITIZE)
  cogdist_test(vgpu/runtime/stream_race LABELS vgpu)
  target_compile_definitions(vgpu_runtime_stream_race_test PRIVATE
    COGDIST_STREAM_RACE="$<TARGET_FILE:vgpu_stream_race>")
  add_dependencies(vgpu_runtime_stream_race_test vgpu_stream_race)
endif()
cogdist_test(vgpu/runtime/cuda_backend LABELS vgpu LIBS cogdist_cuda_on_vgpu)
