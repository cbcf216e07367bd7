#!/bin/sh
# Makes a module of tasks.js: build.sh [OUTPUT]. README.md says what it needs.
set -eu
here=$(dirname "$0")
if ! command -v componentize-qjs >/dev/null; then
    echo "$0: componentize-qjs is missing; it comes with: npm install --global componentize-qjs@0.4.5" >&2
    exit 77
fi
exec componentize-qjs --sync --wit "$here/../../../wit" --module-root "$here" --js "$here/runner.js" \
    --output "${1:-javascript.wasm}"
