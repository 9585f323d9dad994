#!/usr/bin/env bash
# Makes the quickstart's corpus: OUTPUT, one JSON object {"text": ...} a line,
# each the text of one chapter of the King James Bible or of a novel by Jane
# Austen: 8.3 MB of English prose.
#
#   scripts/quickstart_corpus.sh OUTPUT.jsonl
#
# The texts come out of Debian packages, which are downloaded and unpacked beside
# OUTPUT but not installed. The licences are printed and kept beside it.
set -euo pipefail
source "$(dirname "$0")/common.sh"

[ $# -eq 1 ] || fail "usage: scripts/quickstart_corpus.sh OUTPUT.jsonl"
output=$1
folder=$(dirname "$output")/packages
licences=$(dirname "$output")/licences
packages=(bible-kjv bible-kjv-text r-cran-janeaustenr libreadline8)

download() {
  (cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download \
    "${packages[@]}")
}

mkdir -p "$folder"
if ! download 2>/dev/null; then
  # A fresh system has no package lists yet.
  refresh=(apt-get -qq update)
  [ "$(id -u)" -eq 0 ] || refresh=(sudo "${refresh[@]}")
  "${refresh[@]}" && download ||
    fail "could not download the Debian packages ${packages[*]}"
fi
for package in "$folder"/*.deb; do
  dpkg-deb --extract "$package" "$folder"
done

for package in bible-kjv-text r-cran-janeaustenr; do
  mkdir -p "$licences"
  cp "$folder/usr/share/doc/$package/copyright" "$licences/$package.txt"
done
echo "Licences of the corpus (in full in $licences):
  King James Bible, Debian package bible-kjv-text: the text is in the public
    domain ($(grep -o 'copyright for.*is expired' \
    "$licences/bible-kjv-text.txt" | head -n 1))
  Jane Austen's six novels, Debian package r-cran-janeaustenr: public domain;
    the collection: MIT, $(grep -m 1 '^Copyright:' \
    "$licences/r-cran-janeaustenr.txt")"

# libreadline is here in case that the machine has none.
libraries=$(dirname "$(find "$folder" -name 'libreadline.so.8' | head -n 1)")
LD_LIBRARY_PATH=$libraries "$folder/usr/bin/bible" -p "$folder/usr/lib" \
  -f 'gen1:1-rev22:21' >"$folder/bible.txt"
scripts/quickstart_corpus.pl "$folder/bible.txt" \
  "$folder/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb" \
  >"$output.partial"
mv "$output.partial" "$output"
rm -r "$folder"
echo "$(wc -l <"$output") chapters, $(wc -c <"$output") bytes in $output"
