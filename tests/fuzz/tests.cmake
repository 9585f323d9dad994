# Readers of files that may hold anything. The test runs a corpus and seeded
# mutations of it with any compiler. The fuzzers themselves need clang:
#
#   cmake -S . -B build-fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++-14 \
#     -DCOGDIST_FUZZ=ON -DCOGDIST_SANITIZE=address,undefined
#   ninja -C build-fuzz fuzz_manifest fuzz_safetensors
#   mkdir -p build-fuzz/found
#   build-fuzz/fuzz_manifest -max_total_time=300 -malloc_limit_mb=256 \
#     build-fuzz/found tests/fuzz/corpus/manifest
#
# What one finds goes to the corpus.
add_library(cogdist_fuzz_targets STATIC fuzz/fuzz_targets.cc)
target_link_libraries(cogdist_fuzz_targets PUBLIC cogdist_parallel)

cogdist_test(fuzz/corpus LIBS cogdist_fuzz_targets)

if(COGDIST_FUZZ)
  foreach(format manifest safetensors)
    add_executable(fuzz_${format} fuzz/${format}_fuzzer.cc)
    target_link_libraries(fuzz_${format} PRIVATE cogdist_fuzz_targets)
    target_link_options(fuzz_${format} PRIVATE -fsanitize=fuzzer)
  endforeach()
endif()
