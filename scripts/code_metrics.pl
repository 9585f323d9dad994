#!/usr/bin/env perl
# Prints the size and comment figures of the C++ code, and fails when a file is
# longer than 600 lines or launcher/main.cc longer than 60. The other figures are
# for reading: a rule on them would be met with filler.
#
#   scripts/code_metrics.pl [FILE ...]      default: every tracked C++ file
use strict;
use warnings;

my $kMaxFileLines = 600;
my $kMaxMainLines = 60;
my $kLongFunction = 60;

my @files = @ARGV;
@files = split /\n/, `git ls-files '*.h' '*.cc' '*.cu' '*.cuh'` unless @files;

# Comments and literals blanked out, line breaks kept.
sub code_only {
  my ($text) = @_;
  $text =~ s{
      (//[^\n]*) | (/\*.*?\*/) | (R"\w*\(.*?\)\w*") |
      ("(?:\\.|[^"\\\n])*") | ((?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+')
  }{ my $kept = $&; $kept =~ s/[^\n]//g; defined $1 || defined $2 ? $kept
       : "0$kept" }gexs;
  $text =~ s/^\s*#(?:[^\n]*\\\n)*[^\n]*//gm;
  return $text;
}

# Lines of each function body with its signature. A brace opens a function when
# it stands in a namespace or class and the statement before it has parentheses.
sub function_lengths {
  my ($code) = @_;
  my (@lengths, @open);
  my ($line, $head, $head_line) = (1, '', 1);
  for my $c (split //, $code) {
    if ($c eq "\n") { $line++; $head .= ' '; next; }
    if ($c eq '{') {
      my $in_function = @open && $open[-1]{kind} ne 'scope';
      my $kind = $in_function ? 'block'
        : $head =~ /\b(?:namespace|class|struct|union|enum|extern)\b[^()]*$/
        ? 'scope' : $head =~ /\)/ ? 'function' : 'block';
      push @open, {kind => $kind, line => $head_line};
      $head = '';
    } elsif ($c eq '}') {
      my $closed = pop @open or next;
      push @lengths, $line - $closed->{line} + 1 if $closed->{kind} eq 'function';
      $head = '';
    } elsif ($c eq ';') {
      $head = '';
    } else {
      $head_line = $line if $head !~ /\S/;
      $head .= $c;
      $head = '' if $head =~ /^\s*(?:public|private|protected)\s*:$/;
    }
  }
  return @lengths;
}

sub quantile {
  my ($q, @values) = @_;
  @values = sort { $a <=> $b } @values;
  return @values ? $values[int($q * $#values + 0.5)] : 0;
}

sub percent { my ($a, $b) = @_; return $b ? 100 * $a / $b : 0; }

my (@lines, @functions, %comment, %code, @failures);
my ($conditionals, $host_lines, $test_lines) = (0, 0, 0);
for my $file (@files) {
  open my $in, '<', $file or die "code_metrics.pl: $file: $!\n";
  my $text = do { local $/; <$in> };
  my $count = ($text =~ tr/\n//);
  my $limit = $file eq 'launcher/main.cc' ? $kMaxMainLines : $kMaxFileLines;
  push @failures, "$file has $count lines, more than $limit" if $count > $limit;
  if ($file =~ m{^tests/}) { $test_lines += $count; next; }

  push @lines, $count;
  push @functions, function_lengths(code_only($text));
  my $kind = $file =~ /\.(?:h|cuh)$/ ? 'header' : 'source';
  for (split /\n/, $text) {
    if (m{^\s*(?://|/\*|\*)}) { $comment{$kind}++ } elsif (/\S/) { $code{$kind}++ }
  }
  next if $file =~ m{^(?:kernels|runtime)/cuda/};
  $host_lines += $count;
  $text =~ s/^#ifndef (\w+)\n#define \1\n//m;  # the include guard
  $conditionals += () = $text =~ /^\s*#\s*(?:if|ifdef|ifndef|elif)\b/gm;
}

my $total = 0;
$total += $_ for @lines;
printf "source files        %5d, %d lines; tests %d lines (%.2f per line)\n",
  scalar @lines, $total, $test_lines, $total ? $test_lines / $total : 0;
printf "lines per file      %5d median, %d 90th percentile, %d longest\n",
  quantile(.5, @lines), quantile(.9, @lines), quantile(1, @lines);
printf "lines per function  %5d median, %d 90th percentile, %.1f %% over %d\n",
  quantile(.5, @functions), quantile(.9, @functions),
  percent(scalar(grep { $_ > $kLongFunction } @functions), scalar @functions),
  $kLongFunction;
for my $kind ('header', 'source') {
  my ($comments, $codes) = ($comment{$kind} // 0, $code{$kind} // 0);
  printf "%s comments     %5.1f %% of lines\n", $kind,
    percent($comments, $comments + $codes);
}
printf "conditionals        %5.2f per 1000 lines outside cuda/\n",
  $host_lines ? 1000 * $conditionals / $host_lines : 0;
print "too long: $_\n" for @failures;
exit(@failures ? 1 : 0);
