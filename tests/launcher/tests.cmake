# Tests of launcher/.
