#!/usr/bin/env bash
# Draws train and validation loss over tokens from RUN_DIR/metrics.jsonl into
# RUN_DIR/loss.png, or into OUTPUT.
#
#   scripts/plot_loss.sh RUN_DIR [OUTPUT.png]
set -euo pipefail

fail() {
  echo "plot_loss.sh: $*" >&2
  exit 1
}

[ $# -eq 1 ] || [ $# -eq 2 ] || fail "usage: plot_loss.sh RUN_DIR [OUTPUT.png]"
run=${1%/}
metrics=$run/metrics.jsonl
output=${2:-$run/loss.png}
[ -f "$metrics" ] || fail "$metrics: no such file; is $run a run directory?"
command -v gnuplot >/dev/null || fail "needs the Debian package gnuplot-nox"

data=$(mktemp -d)
trap 'rm -r "$data"' EXIT

# Two tables of (million tokens, loss, mean of the losses around it). A resumed
# run repeats steps: the last line of a step counts.
perl -MJSON::PP -e '
  my ($folder, $metrics) = @ARGV;
  open my $in, "<", $metrics or die "$metrics: $!\n";
  my (%train, %validation, %tokens);
  while (<$in>) {
    my $line = eval { decode_json($_) } or next;  # torn by a crash
    my $step = $line->{step};
    $tokens{$step} = $line->{tokens} / 1e6 if defined $line->{tokens};
    $train{$step} = $line->{loss} if defined $line->{loss};
    $validation{$step} = $line->{validation_loss}
      if defined $line->{validation_loss};
  }
  %train or die "$metrics holds no step with a loss\n";
  my $newest = (sort { $b <=> $a } keys %tokens)[0];
  my $per_step = $tokens{$newest} / $newest;
  for (["train", \%train], ["validation", \%validation]) {
    my ($name, $loss) = @$_;
    open my $out, ">", "$folder/$name" or die "$folder: $!\n";
    my @steps = sort { $a <=> $b } keys %$loss;
    my $reach = int(@steps / 100) + 1;  # of the mean, to either side
    for my $i (0 .. $#steps) {
      my $near = $i < $#steps - $i ? $i : $#steps - $i;
      $near = $reach if $near > $reach;
      my $sum = 0;
      $sum += $loss->{$steps[$_]} for $i - $near .. $i + $near;
      printf $out "%.6f %.6f %.6f\n", $tokens{$steps[$i]} //
        $steps[$i] * $per_step, $loss->{$steps[$i]}, $sum / (2 * $near + 1);
    }
  }
' "$data" "$metrics" || fail "could not read $metrics"

# Underscores would be subscripts in gnuplot's markup.
title=$(basename "$run" | tr _ ' ')
validation=""
last=$(tail -n 1 "$data/validation" | cut -d' ' -f2)
if [ -n "$last" ]; then
  validation=", '$data/validation' using 1:2 with linespoints lw 2 lc '#c44e00' \
    pt 7 ps 1 title sprintf('validation (last %.3f)', $last)"
fi
gnuplot <<END
set terminal pngcairo size 1200,720 font 'sans,14' background 'white'
set output '$output'
set title 'Loss of $title' font ',17'
set xlabel 'tokens seen (millions)'
set ylabel 'cross-entropy (nats per token)'
set border 3 lc '#555555'
set tics nomirror out
set grid ytics lc '#dddddd' lt 1
set key top right samplen 3
plot '$data/train' using 1:2 with lines lw 1 lc '#b8cfe6' title 'train', \
  '$data/train' using 1:3 with lines lw 2.5 lc '#1f5fa8' \
  title 'train, running mean'$validation
END
echo "$output"
