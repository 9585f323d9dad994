# Tests of parallel/.
