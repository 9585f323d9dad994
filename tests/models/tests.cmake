# Tests of models/.
cogdist_test(models/cogformer)
cogdist_test(models/layers)
