# Tests of kernels/.
cogdist_test(kernels/adamw LIBS hwy::hwy)
cogdist_test(kernels/cast LIBS hwy::hwy)
cogdist_test(kernels/cog_attention LIBS hwy::hwy)
cogdist_test(kernels/cog_attention_backward LIBS hwy::hwy)
cogdist_test(kernels/cog_attention_forward LIBS hwy::hwy)
cogdist_test(kernels/cog_attention_random LIBS hwy::hwy)
cogdist_test(kernels/column_sum LIBS hwy::hwy)
cogdist_test(kernels/cross_entropy LIBS hwy::hwy)
cogdist_test(kernels/elementwise LIBS hwy::hwy)
cogdist_test(kernels/embedding LIBS hwy::hwy)
cogdist_test(kernels/gelu LIBS hwy::hwy)
cogdist_test(kernels/layernorm LIBS hwy::hwy)
cogdist_test(kernels/local_position LIBS hwy::hwy)
cogdist_test(kernels/matmul LIBS hwy::hwy)
cogdist_test(kernels/reduce LIBS hwy::hwy)
cogdist_test(kernels/rmsnorm LIBS hwy::hwy)
cogdist_test(kernels/rope LIBS hwy::hwy)
cogdist_test(kernels/swiglu LIBS hwy::hwy)
cogdist_test(kernels/thread_invariance LIBS hwy::hwy)
cogdist_test(kernels/vocab_parallel_cross_entropy LIBS hwy::hwy)
add_test(NAME kernels/cog_attention_random_slow
  COMMAND kernels_cog_attention_random_test --gtest_also_run_disabled_tests
          --gtest_filter=*DISABLED*)
set_tests_properties(kernels/cog_attention_random_slow
  PROPERTIES LABELS slow TIMEOUT 600)

cogdist_benchmark(kernels/attention LIBS GTest::gtest hwy::hwy)
cogdist_benchmark(kernels/kernels)
