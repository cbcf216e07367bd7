#!/bin/sh
# Makes a module of tasks.c: build.sh [OUTPUT]. README.md says what it needs.
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
# wasm-component-ld, and the wasm-ld that it calls.
tools=$(rustc --print target-libdir)/../bin
[ -x "$tools/wasm-component-ld" ] || missing wasm-component-ld "a toolchain of rustup"

objects=$(mktemp -d)
trap 'rm -r "$objects"' EXIT

for source in tasks.c runner.c bindings/task_module.c; do
    clang --target=wasm32-wasi -mbulk-memory -std=c11 -O2 -Wall -Wextra -Werror -ffile-prefix-map="$here/"= \
        -c "$here/$source" -o "$objects/$(basename "$source" .c).o"
done

# wasm-component-ld links as wasm-ld does, and makes a component of it: what libc asks of WASI 0.1, WASI 0.2 gives. The stack
# lies first, so that one that overflows traps instead of eating the data behind it.
clang --target=wasm32-wasi -mexec-model=reactor \
    -fuse-ld="$tools/wasm-component-ld" -Wl,--wasm-ld-path="$tools/gcc-ld/wasm-ld" \
    -Wl,--strip-debug -Wl,--stack-first -Wl,-z,stack-size=262144 \
    -o "${1:-c.wasm}" "$objects"/*.o "$here/bindings/task_module_component_type.o"
