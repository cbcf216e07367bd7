#!/bin/sh
# Makes a component of plugin.py: build.sh [OUTPUT]. ../python/README.md says what it needs.
set -eu
here=$(dirname "$0")
if ! command -v componentize-py >/dev/null; then
    echo "$0: componentize-py is missing; it comes with: pip install componentize-py==0.25.1" >&2
    exit 77
fi
exec componentize-py --wit-path "$here/texts.wit" --world plugin componentize --python-path "$here" \
    --output "${1:-python-plain.wasm}" plugin
