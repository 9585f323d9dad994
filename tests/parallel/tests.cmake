# Tests of parallel/.
cogdist_test(parallel/bootstrap)
cogdist_test(parallel/collective_schedule)
cogdist_test(parallel/communicator)
cogdist_test(parallel/context/ring_attention LIBS hwy::hwy)
cogdist_test(parallel/context/zigzag)
cogdist_test(parallel/data_parallel)
cogdist_test(parallel/data_parallel_bits)
cogdist_test(parallel/lr_schedule)
cogdist_test(parallel/mesh)
cogdist_test(parallel/meta_transport)
cogdist_test(parallel/optimizer)
cogdist_test(parallel/param_store)
cogdist_test(parallel/pipeline/pipeline)
cogdist_test(parallel/pipeline/schedule)
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
cogdist_benchmark(parallel/context/ring_attention)
cogdist_benchmark(parallel/pipeline/pipeline)
