#!/usr/bin/env bash
# Installs what is missing, builds Release into build/, runs every test there.
#
#   scripts/test.sh          all but the label `slow`
#   scripts/test.sh --slow   all, with the long randomised suites
#
# Tests that need a GPU skip themselves where there is none.
set -euo pipefail
source "$(dirname "$0")/common.sh"

without=(--label-exclude slow)
case "${1:-}" in
  "") ;;
  --slow) without=() ;;
  *) fail "unknown argument '$1'; the only one is --slow" ;;
esac

scripts/install_packages.sh
build_tree build -- -DCMAKE_BUILD_TYPE=Release -DCOGDIST_TESTS=ON
ctest --test-dir build --output-on-failure --no-tests=error -j2 "${without[@]}"
