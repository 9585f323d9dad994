# Tests of runtime/.
cogdist_test(runtime/file)
cogdist_test(runtime/indexed_dataset)
