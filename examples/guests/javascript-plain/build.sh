#!/bin/sh
# Makes a component of plugin.js: build.sh [OUTPUT]. ../javascript/README.md says what it needs.
set -eu
here=$(dirname "$0")
if ! command -v componentize-qjs >/dev/null; then
    echo "$0: componentize-qjs is missing; it comes with: npm install --global componentize-qjs@0.4.5" >&2
    exit 77
fi
exec componentize-qjs --sync --wit "$here/texts.wit" --js "$here/plugin.js" --output "${1:-javascript-plain.wasm}"
