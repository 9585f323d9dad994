# Jobs under mpirun to which something happens while they write checkpoints.

# cogdist_job_test(NAME [DRAWS]): jobs/NAME_test.cc; with many random draws it is
# a second test, which takes minutes.
function(cogdist_job_test name)
  cogdist_test(jobs/${name} LABELS mpi LIBS nlohmann_json::nlohmann_json)
  add_dependencies(jobs_${name}_test cogdist)
  target_compile_definitions(jobs_${name}_test PRIVATE
    COGDIST_BINARY="$<TARGET_FILE:cogdist>")
  if(ARGN)
    add_test(NAME jobs/${name}_slow COMMAND jobs_${name}_test
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(jobs/${name}_slow PROPERTIES
      LABELS slow TIMEOUT 1800 ENVIRONMENT
      "OMP_WAIT_POLICY=passive;COGDIST_RANDOM_DRAWS=${ARGN};COGDIST_RANDOM_SEED=1000")
  endif()
endfunction()

cogdist_job_test(checkpoint_damage)
cogdist_job_test(fencing 40)
cogdist_job_test(full_disk)
cogdist_job_test(kill 280)  # of which 200 kill something
