# shellcheck shell=bash
# Sourced by the scripts beside it: goes to the repository's root and defines
# what several of them need.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# Objects are shared between checkouts and build folders.
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR=1

# Open MPI refuses root unless told twice, and refuses more ranks than cores.
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_rmaps_base_oversubscribe=1

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# build_tree FOLDER [TARGET ...] [-- CMAKE_OPTION ...]: configures, if anything
# changed, and builds TARGETs (default: all) into FOLDER. A new one is built from
# nothing, so the libraries' files are compiled in groups, in less than half the
# time.
build_tree() {
  local folder=$1 targets=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    targets+=("$1")
    shift
  done
  [ $# -eq 0 ] || shift
  local new=()  # An existing folder keeps what it was made with.
  [ -f "$folder/CMakeCache.txt" ] || new=(-G Ninja -DCOGDIST_UNITY=ON)
  cmake -S . -B "$folder" "${new[@]}" "$@" >/dev/null
  cmake --build "$folder" --parallel "$(nproc)" \
    ${targets:+--target "${targets[@]}"}
}
