#!/usr/bin/env perl
# What a trained model has to beat on held-out text, in bits per byte:
#
#   quickstart_references.pl PREFIX
#
# reads PREFIX_{train,validation}.bin (uint16 token ids) and
# PREFIX_tokenizer.json, and prints "NAME VALUE" lines:
#   bytes    of the held-out text; the ends of documents do not count
#   unigram  cross-entropy of the held-out tokens under the token frequencies of
#            the training data (add-one smoothing), over those bytes
#   zstd     bits of the held-out text as compressed by
#            `zstd -19 --long=27 --patch-from=TRAIN HELDOUT`, over those bytes
# The texts come from decoding the ids: PREFIX_train.txt, PREFIX_validation.txt.
use strict;
use warnings;
use JSON::PP qw(decode_json);

sub read_file {
  my ($path) = @_;
  open my $in, '<:raw', $path or die "quickstart_references.pl: $path: $!\n";
  local $/;
  return scalar <$in>;
}

# Byte-level BPE writes a byte as one printable character: itself where it is
# printable in Latin-1, else the next one from U+0100 on.
sub bytes_of_characters {
  my ($next, %bytes) = (0x100);
  for my $byte (0 .. 255) {
    my $printable = ($byte >= 0x21 && $byte <= 0x7e) ||
      ($byte >= 0xa1 && $byte <= 0xac) || $byte >= 0xae;
    $bytes{chr($printable ? $byte : $next++)} = chr $byte;
  }
  return \%bytes;
}

# Id -> bytes. The special token that ends a document becomes a line break.
sub token_bytes {
  my ($tokenizer) = @_;
  my $bytes = bytes_of_characters();
  my $vocabulary = $tokenizer->{model}{vocab};
  my @text;
  for my $token (keys %$vocabulary) {
    $text[$vocabulary->{$token}] =
      join '', map { $bytes->{$_} // '' } split //, $token;
  }
  $text[$_->{id}] = "\n" for @{$tokenizer->{added_tokens}};
  return \@text;
}

sub unigram_bits {
  my ($train, $held_out, $vocabulary_size) = @_;
  my @count = (1) x $vocabulary_size;
  $count[$_]++ for unpack 'v*', $$train;
  my $total = 0;
  $total += $_ for @count;
  my $bits = 0;
  $bits += log($total / $count[$_]) for unpack 'v*', $$held_out;
  return $bits / log 2;
}

sub write_text {
  my ($path, $ids, $text) = @_;
  open my $out, '>:raw', $path or die "quickstart_references.pl: $path: $!\n";
  print $out join '', @$text[unpack 'v*', $$ids];
  close $out or die "quickstart_references.pl: $path: $!\n";
}

sub zstd_bits {
  my ($train_path, $held_out_path) = @_;
  open my $zstd, '-|:raw', 'zstd', '-19', '--long=27', '--stdout', '-qq',
    "--patch-from=$train_path", $held_out_path
    or die "quickstart_references.pl: zstd: $!\n";
  my $compressed = do { local $/; <$zstd> };
  close $zstd or die "quickstart_references.pl: zstd failed\n";
  return 8 * length $compressed;
}

@ARGV == 1 or die "usage: quickstart_references.pl PREFIX\n";
my ($prefix) = @ARGV;
my $train = read_file("${prefix}_train.bin");
my $held_out = read_file("${prefix}_validation.bin");
my $tokenizer = decode_json(read_file("${prefix}_tokenizer.json"));
my $text = token_bytes($tokenizer);
write_text("${prefix}_train.txt", \$train, $text);
write_text("${prefix}_validation.txt", \$held_out, $text);
my %ends = map { $_->{id} => 1 } @{$tokenizer->{added_tokens}};
my $ends = grep { $ends{$_} } unpack 'v*', $held_out;
my $bytes = (-s "${prefix}_validation.txt") - $ends
  or die "quickstart_references.pl: nothing is held out\n";
printf "bytes %d\n", $bytes;
printf "unigram %.4f\n", unigram_bits(\$train, \$held_out, scalar @$text) / $bytes;
printf "zstd %.4f\n",
  zstd_bits("${prefix}_train.txt", "${prefix}_validation.txt") / $bytes;
