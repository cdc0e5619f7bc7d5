#!/bin/sh
# 20,000 states that a power cut may leave, the same each time; and what does not sync must be caught.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BIN:-build/bin}/..
seed=${SEED:-1}
case "$build" in
*-san/*) states=2000 ;; # each takes several times as long
*) states=20000 ;;
esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. tests/aid/tap.sh

is "whatever a power cut leaves is what a commit made, with all that was acknowledged" \
    env SEED="$seed" STATES="${STATES:-$states}" "$build/power"
grep '^#' "$dir/out"
is "synchronous=NORMAL is caught" env CONTROL=normal SEED=1 STATES=2000 "$build/power"
is "synchronous=OFF is caught" env CONTROL=off SEED=1 STATES=2000 "$build/power"
is "a disk that does not sync is caught" env CONTROL=lie SEED=1 STATES=2000 "$build/power"
tap_end
