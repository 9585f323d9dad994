# Tests of the whole program against independent float64 runs.
cogdist_test(golden/golden LABELS mpi LIBS nlohmann_json::nlohmann_json)
target_compile_definitions(golden_golden_test PRIVATE
  COGDIST_BINARY="$<TARGET_FILE:cogdist>")
add_dependencies(golden_golden_test cogdist)
