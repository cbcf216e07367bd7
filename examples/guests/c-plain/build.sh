#!/bin/sh
# Makes a component of plugin.c: build.sh [OUTPUT]. ../c/README.md says what it needs.
set -eu
here=$(dirname "$0")

missing() {
    echo "$0: $1 is missing; it comes with: $2" >&2
    exit 77
}
packages="apt-get install clang wasi-libc libclang-rt-14-dev-wasm32"
command -v clang >/dev/null || missing clang "$packages"
echo '#include <stdlib.h>' | clang --target=wasm32-wasi -fsyntax-only -x c - 2>/dev/null || missing wasi-libc "$packages"
[ -e "$(clang --target=wasm32-wasi -print-libgcc-file-name)" ] || missing "clang's runtime for wasm32" "$packages"
command -v rustc >/dev/null || missing rustc rustup
tools=$(rustc --print target-libdir)/../bin
[ -x "$tools/wasm-component-ld" ] || missing wasm-component-ld "a toolchain of rustup"

object=$(mktemp)
trap 'rm "$object"' EXIT
clang --target=wasm32-wasi -mbulk-memory -std=c11 -O2 -Wall -Wextra -Werror -ffile-prefix-map="$here/"= \
    -c "$here/plugin.c" -o "$object"

# The linker reads the types of the component's world from the WIT file.
clang --target=wasm32-wasi -mexec-model=reactor \
    -fuse-ld="$tools/wasm-component-ld" -Wl,--wasm-ld-path="$tools/gcc-ld/wasm-ld" -Wl,--component-type="$here/texts.wit" \
    -Wl,--strip-debug -Wl,--stack-first -Wl,-z,stack-size=262144 \
    -o "${1:-c-plain.wasm}" "$object"
