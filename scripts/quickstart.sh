#!/usr/bin/env bash
# From a fresh Debian 12 machine to a trained Cogformer in one go: installs what
# is missing, builds, makes a corpus of 8 MB of English prose, trains a model of
# about 5 million parameters on it, and shows what it has learned. A second call
# skips what is done and trains once more, into a new run directory.
#
#   scripts/quickstart.sh
set -euo pipefail
source "$(dirname "$0")/common.sh"

[ $# -eq 0 ] || fail "takes no arguments; it trains on 2 MPI ranks"
ranks=2
data=data/quickstart
config=configs/quickstart.pbtxt

heading() { printf '\n== %s\n' "$*"; }

# The first runs/quickstart_NNN that is not there yet.
new_run_dir() {
  local number=1 run
  while run=$(printf 'runs/quickstart_%03d' "$number") && [ -e "$run" ]; do
    number=$((number + 1))
  done
  echo "$run"
}

prepare_data() {
  mkdir -p "$data"
  [ -f "$data/corpus.jsonl" ] ||
    scripts/quickstart_corpus.sh "$data/corpus.jsonl"
  [ "$data/prepared" -nt "$data/corpus.jsonl" ] && return
  build/cogdist prepare --output "$data/corpus" --train_bpe 4096 \
    --validation_fraction 0.05 \
    --source "Debian packages bible-kjv-text and r-cran-janeaustenr" \
    --licence "public domain; collection of the novels: MIT" \
    "$data/corpus.jsonl"
  touch "$data/prepared"
}

# The figure that follows NAME in the lines of standard input.
figure() { sed -n "s/^$1[ :]*\([0-9.]*\).*/\1/p"; }

heading "Packages and build"
scripts/install_packages.sh
build_tree build cogdist -- -DCMAKE_BUILD_TYPE=Release

heading "Data"
prepare_data

run=$(new_run_dir)
heading "Training on $ranks ranks: $config -> $run"
# Every rank takes cores / ranks threads; bound to one core they would share it.
mpirun --bind-to none -np "$ranks" build/cogdist "$config" \
  --set "run_dir=$run"

heading "A sample, after the prompt: And it came to pass"
build/cogdist generate "$run/config.pbtxt" --prompt "And it came to pass" \
  --max_tokens 150 --temperature 0.8 --top_k 50 --seed 1

heading "Held-out text, bits per byte"
evaluation=$(build/cogdist eval "$run/config.pbtxt")
references=$(scripts/quickstart_references.pl "$data/corpus")
model=$(figure bits_per_byte <<<"$evaluation")
unigram=$(figure unigram <<<"$references")
zstd=$(figure zstd <<<"$references")
[ -n "$model" ] || fail "cogdist eval gave no bits_per_byte: $evaluation"
printf '%-38s %.3f\n' "this model" "$model" \
  "unigram frequencies of the tokens" "$unigram" \
  "zstd -19 --long=27 --patch-from=TRAIN" "$zstd"

heading "Loss curve"
scripts/plot_loss.sh "$run"

awk -v m="$model" -v u="$unigram" -v z="$zstd" 'BEGIN { exit !(m < u && m < z) }' ||
  fail "the model has to beat both references; it did not, see $run"
