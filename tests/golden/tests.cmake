# Tests of the whole program under mpirun, against independent float64 runs and
# against itself in other layouts.

# cogdist_golden_test(NAME FILTER...): golden/NAME_test.cc, and one test for each
# part of it, so that ctest -j shares them out.
function(cogdist_golden_test name)
  set(target golden_${name}_test)
  add_executable(${target} golden/${name}_test.cc)
  target_link_libraries(${target} PRIVATE cogdist_runtime
    nlohmann_json::nlohmann_json GTest::gmock_main)
  target_compile_options(${target} PRIVATE -O1)
  target_compile_definitions(${target} PRIVATE
    COGDIST_BINARY="$<TARGET_FILE:cogdist>")
  add_dependencies(${target} cogdist)
  foreach(filter ${ARGN})
    add_test(NAME golden/${name}/${filter}
      COMMAND ${target} --gtest_filter=*${filter}*
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(golden/${name}/${filter} PROPERTIES LABELS mpi
      TIMEOUT 600 ENVIRONMENT OMP_WAIT_POLICY=passive)
  endforeach()
endfunction()

cogdist_golden_test(golden GoldenTest.*cog_docmask GoldenTest.*cog_gqa_tied
  GoldenTest.*cog_mha GoldenTest.*softmax_mha GoldenBfloat16Test)
cogdist_golden_test(layout_invariant WholeModelTest.*fp32 WholeModelTest.*bf16
  SharedModelTest RunToRunTest)
cogdist_golden_test(resume OneRank TwoRanks Layouts)
cogdist_golden_test(reshard ReshardTest EveryPairTest)
set_tests_properties(golden/resume/Layouts golden/reshard/EveryPairTest
  PROPERTIES LABELS slow TIMEOUT 1200)

# On virtual GPUs, with the trainer's own code in the test's process.
add_executable(golden_vgpu_test golden/vgpu_test.cc)
target_link_libraries(golden_vgpu_test PRIVATE cogdist_launcher
  cogdist_cuda_on_vgpu nlohmann_json::nlohmann_json GTest::gmock_main)
target_compile_options(golden_vgpu_test PRIVATE -O1)
target_compile_definitions(golden_vgpu_test PRIVATE
  COGDIST_BINARY="$<TARGET_FILE:cogdist>")
add_dependencies(golden_vgpu_test cogdist)
foreach(filter Layouts/*cog_docmask Layouts/*cog_gqa_tied OneRank
    VirtualGpuBfloat16Test)
  add_test(NAME golden/vgpu/${filter}
    COMMAND golden_vgpu_test --gtest_filter=*${filter}*
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(golden/vgpu/${filter} PROPERTIES LABELS virtual
    TIMEOUT 600 ENVIRONMENT OMP_WAIT_POLICY=passive)
endforeach()
# Whole runs of all cases.
add_test(NAME golden/vgpu_slow COMMAND golden_vgpu_test
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(golden/vgpu_slow PROPERTIES LABELS slow TIMEOUT 3600
  ENVIRONMENT "OMP_WAIT_POLICY=passive;COGDIST_ALL_STEPS=1")
