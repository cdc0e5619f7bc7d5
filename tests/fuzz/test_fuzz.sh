#!/bin/sh
# The corpora, and some mutations of them, the same each time: no parser crashes, and what must hold of each does.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BIN:-build/bin}/..
case "$build" in
*-san/*) LESS=${LESS:-8} ;; # each takes several times as long
*) LESS=${LESS:-1} ;;
esac
export LESS
exec "$build/fuzz"
