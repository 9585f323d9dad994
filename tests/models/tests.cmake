# Tests of models/.
cogdist_test(models/cogformer)
cogdist_test(models/context_parallel)
cogdist_test(models/init)
cogdist_test(models/layers)
cogdist_test(models/lm_head)
cogdist_test(models/tensor_parallel)
cogdist_test(models/weight_layout)
cogdist_benchmark(models/tensor_parallel)
