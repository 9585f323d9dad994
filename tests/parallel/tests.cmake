# Tests of parallel/.
cogdist_test(parallel/bootstrap)
cogdist_test(parallel/checkpoint/checkpoint_writer LIBS cogdist_testing)
cogdist_test(parallel/checkpoint/crash LIBS cogdist_testing)
cogdist_test(parallel/checkpoint/damage LIBS cogdist_testing)
cogdist_test(parallel/checkpoint/manifest_file)
cogdist_test(parallel/checkpoint/restore LIBS cogdist_testing)
cogdist_test(parallel/checkpoint/tensor_region)
cogdist_test(parallel/collective_schedule)
cogdist_test(parallel/collective_watch)
cogdist_test(parallel/communicator)
cogdist_test(parallel/fault)
cogdist_test(parallel/context/ring_attention LIBS hwy::hwy)
cogdist_test(parallel/context/zigzag)
cogdist_test(parallel/data_parallel)
cogdist_test(parallel/data_parallel_bits)
cogdist_test(parallel/lr_schedule)
cogdist_test(parallel/mesh)
cogdist_test(parallel/meta_transport)
cogdist_test(parallel/optimizer)
cogdist_test(parallel/param_store)
cogdist_test(parallel/replica_check)
cogdist_test(parallel/pipeline/pipeline)
cogdist_test(parallel/pipeline/schedule)
cogdist_test(parallel/stream_lane)
cogdist_test(parallel/sum_order)
cogdist_test(parallel/unit_segments)
cogdist_test(parallel/weights)

# cogdist_mpi_test(NAME RANKS...): tests/parallel/NAME_test.cc, which has its own
# main(), under mpirun with each number of ranks.
function(cogdist_mpi_test name)
  set(target parallel_${name}_test)
  add_executable(${target} parallel/${name}_test.cc)
  target_link_libraries(${target} PRIVATE cogdist_parallel GTest::gmock)
  target_compile_options(${target} PRIVATE -O1)
  foreach(ranks ${ARGN})
    set(test parallel/${name}_${ranks})
    add_test(NAME ${test} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      COMMAND ${MPIEXEC_EXECUTABLE} --allow-run-as-root --oversubscribe
        --bind-to none -np ${ranks} $<TARGET_FILE:${target}>)
    set_tests_properties(${test} PROPERTIES LABELS mpi TIMEOUT 120)
  endforeach()
endfunction()

cogdist_mpi_test(mpi_collectives 1 2 3 4)
cogdist_benchmark(parallel/allreduce)
cogdist_benchmark(parallel/checkpoint/checkpoint)
cogdist_benchmark(parallel/context/ring_attention)
cogdist_benchmark(parallel/pipeline/pipeline)

# The module for GPUs, where it is built. It takes what it shares with the program
# from the test, which for that holds all of it, and has to fit `cogdist`, too:
# preloaded, it is bound to what `cogdist` exports before main().
if(TARGET cogdist_cuda)
  cogdist_test(parallel/gpu_module LABELS virtual)
  set_target_properties(parallel_gpu_module_test PROPERTIES ENABLE_EXPORTS ON
    LINK_LIBRARY_OVERRIDE
      WHOLE_ARCHIVE,cogdist_runtime,cogdist_kernels,cogdist_parallel)
  target_compile_definitions(parallel_gpu_module_test PRIVATE
    COGDIST_CUDA_MODULE="$<TARGET_FILE:cogdist_cuda>")
  add_dependencies(parallel_gpu_module_test cogdist_cuda)

  add_test(NAME parallel/gpu_module_fits_program COMMAND cogdist --version)
  set_tests_properties(parallel/gpu_module_fits_program PROPERTIES LABELS virtual
    ENVIRONMENT "LD_PRELOAD=$<TARGET_FILE:cogdist_cuda>;LD_BIND_NOW=1")
endif()
