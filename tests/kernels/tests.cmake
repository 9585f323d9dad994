# Tests of kernels/.
cogdist_test(kernels/cast LIBS hwy::hwy)
cogdist_test(kernels/cog_attention_forward LIBS hwy::hwy)
cogdist_test(kernels/cog_attention_backward LIBS hwy::hwy)
