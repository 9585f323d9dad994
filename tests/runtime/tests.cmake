# Tests of runtime/.
cogdist_test(runtime/batch_loader)
cogdist_test(runtime/data_order)
cogdist_test(runtime/file)
cogdist_test(runtime/indexed_dataset)
cogdist_test(runtime/safetensors)
cogdist_benchmark(runtime/batch_loader)
