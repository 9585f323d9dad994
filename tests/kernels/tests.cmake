# Tests of kernels/.
cogdist_test(kernels/cast LIBS hwy::hwy)
