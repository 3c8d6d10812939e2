#!/usr/bin/env bash
# run.sh BUILD_DIR - installs the build, moves the installed tree, builds fill.c against it once by pkg-config
# and once by CMake, and fills a page with each.  A run bit, a path or a library that is missing fails here.
set -euo pipefail

build=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
model=$here/../../models/tales-infill.gguf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
prefix=$work/moved

pc=$(find "$prefix" -name palimpsest.pc)
export PKG_CONFIG_PATH=${pc%/*}
# shellcheck disable=SC2046  # flags are meant to be split
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror $(pkg-config --cflags palimpsest) "$here/fill.c" -o "$work/fill-pc" \
    $(pkg-config --libs palimpsest)
cmake -G Ninja -S "$here" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$work/cmake" >/dev/null

"$prefix/bin/palimpsest" --version
if [ ! -f "$model" ]; then
    echo "models/tales-infill.gguf is absent: the example was built, but not run"
    exit 0
fi
page='Once upon a time [[?]] lived in [[4]].'
for program in "$work/fill-pc" "$work/cmake/fill"; do
    text=$("$program" "$model" "$page" 7)
    echo "$text"
    [[ $text == 'Once upon a time'*' lived in'*'.' && $text != *'[['* ]]
done
echo "the command says the same:"
[ "$("$prefix/bin/palimpsest" infill -m "$model" --seed 7 --text "$page")" = "$text" ]
