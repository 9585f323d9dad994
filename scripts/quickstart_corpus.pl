#!/usr/bin/env perl
# Chapters out of the two sources of the quickstart's corpus, as JSON lines
# {"text": ...} on standard output.
#
#   quickstart_corpus.pl BIBLE_TEXT AUSTEN_RDB
#
# BIBLE_TEXT: one verse a line, "Gen1:1 In the beginning ...", as the program
# `bible -f` prints it. AUSTEN_RDB: R's data file of the package janeaustenr,
# which holds one vector of text lines for each novel.
use strict;
use warnings;
use Compress::Zlib qw(inflateInit Z_STREAM_END);

sub read_file {
  my ($path) = @_;
  open my $in, '<:raw', $path or die "quickstart_corpus.pl: $path: $!\n";
  local $/;
  return scalar <$in>;
}

sub print_document {
  my ($text) = @_;
  $text =~ s/(["\\])/\\$1/g;
  $text =~ s/\n/\\n/g;
  $text =~ s/([\x00-\x1f])/sprintf '\\u%04x', ord $1/ge;
  print qq({"text": "$text"}\n);
}

# A verse a line; the reference in front of it names book and chapter.
sub bible_chapters {
  my ($text) = @_;
  my (@chapters, $last);
  for my $line (split /\n/, $text) {
    my ($chapter, $verse) = $line =~ /^(\w+\d+):\d+ +(.*\S)/
      or die "quickstart_corpus.pl: no verse: $line\n";
    push @chapters, [] if !defined $last || $chapter ne $last;
    push @{$chapters[-1]}, $verse;
    $last = $chapter;
  }
  return map { join "\n", @$_ } @chapters;
}

# R's lazy-load file: for each object its size as a big-endian uint32 and a zlib
# stream of R's serialization, here XDR (big-endian) version 3.
sub r_objects {
  my ($data) = @_;
  my @objects;
  while (length $data) {
    my $size = unpack 'N', substr $data, 0, 4, '';
    my $stream = inflateInit() or die "quickstart_corpus.pl: no zlib\n";
    my ($object, $status) = $stream->inflate($data);  # shortens $data
    $status == Z_STREAM_END && length $object == $size
      or die "quickstart_corpus.pl: damaged R data file\n";
    push @objects, $object;
  }
  return @objects;
}

# The strings of a serialized character vector. Every item starts with flags
# whose low byte is its type: 16 a character vector, 9 one string.
sub r_strings {
  my ($object) = @_;
  my ($version, $encoding) = unpack 'x2 N x8 N/a*', $object;
  my $at = 2 + 4 * 4 + length $encoding;
  my ($flags, $count) = unpack "x$at NN", $object;
  $version == 3 && ($flags & 0xff) == 16
    or die "quickstart_corpus.pl: not a character vector of R\n";
  $at += 8;
  my @strings;
  for (1 .. $count) {
    my $length = unpack 'N', substr $object, $at + 4, 4;
    push @strings, substr $object, $at + 8, $length;
    $at += 8 + $length;
  }
  return @strings;
}

# Chapters between their headings, a paragraph a line. Title pages, volume
# headings and end marks are left out.
sub novel_chapters {
  my @lines = (@_, '');
  my (@chapters, $paragraph);
  for my $line (@lines) {
    $line =~ s/^\s+|\s+$//g;
    $line =~ s/\s+/ /g;
    if ($line =~ /^chapter [ivxlc\d]+\.?$/i) {
      push @chapters, [];
      $paragraph = '';
    } elsif (!@chapters || $line =~ /^(?:volume [ivx]+|finis|the end)\.?$/i) {
      next;
    } elsif ($line ne '') {
      $paragraph .= ($paragraph eq '' ? '' : ' ') . $line;
    } elsif ($paragraph ne '') {
      push @{$chapters[-1]}, $paragraph;
      $paragraph = '';
    }
  }
  return map { join "\n", @$_ } @chapters;
}

@ARGV == 2 or die "usage: quickstart_corpus.pl BIBLE_TEXT AUSTEN_RDB\n";
my ($bible, $austen) = map { read_file($_) } @ARGV;
print_document($_) for bible_chapters($bible);
for my $object (r_objects($austen)) {
  print_document($_) for novel_chapters(r_strings($object));
}
