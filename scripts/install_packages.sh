#!/usr/bin/env bash
# Installs the Debian packages that cogdist is built, run and tested with: only
# those that are missing, so that a second call takes no time.
#
#   scripts/install_packages.sh          to build, train and run the quickstart
#   scripts/install_packages.sh --dev    also what .ci/run checks the code with
set -euo pipefail

# The list. Debian 12 (bookworm) has all of it in `main`.
packages=(
  g++ cmake ninja-build ccache pkg-config         # building
  libabsl-dev nlohmann-json3-dev                  # vocabulary types, JSON
  libprotobuf-dev protobuf-compiler               # configuration
  libdnnl-dev libhwy-dev                          # matrix products, SIMD
  libpcre2-dev libicu-dev libisal-dev             # pre-tokenizing, CRC-32C
  libopenmpi-dev openmpi-bin                      # ranks
  libgtest-dev libgmock-dev libbenchmark-dev      # tests and benchmarks
  perl zstd gnuplot-nox                           # quickstart: corpus, pictures
)
dev_packages=(clang-format-14 clang-tidy-14)

fail() {
  echo "install_packages.sh: $*" >&2
  exit 1
}

case "${1:-}" in
  "") ;;
  --dev) packages+=("${dev_packages[@]}") ;;
  *) fail "unknown argument '$1'; the only one is --dev" ;;
esac

command -v apt-get >/dev/null ||
  fail "needs Debian's apt-get. Elsewhere install what these" \
    "packages hold: ${packages[*]}"

installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' \
  "${packages[@]}" 2>/dev/null | sed -n 's/^installed //p') || true
missing=()
for package in "${packages[@]}"; do
  grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    fail "packages are missing and neither root nor sudo is at hand. Ask an" \
      "administrator for: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

echo "Installing: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq
  -o Dpkg::Use-Pty=0)
"${apt[@]}" update ||
  echo "install_packages.sh: the package lists could not be refreshed;" \
    "trying with those that are here" >&2
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null ||
  fail "apt-get could not install ${missing[*]}; its message stands above." \
    "cogdist is built on Debian 12, section main."
