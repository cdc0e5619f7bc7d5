#!/bin/sh
# A few histories of `make sim`, the same each time: what turns red is what was changed; and a disk that lies about syncing must be caught.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BIN:-build/bin}/..
seed=${SEED:-1}
case "$build" in
*-san/*) histories=15 ;; # each takes several times as long
*) histories=60 ;;
esac
out=$(mktemp)
trap 'rm -f "$out"' EXIT
bad=0
echo 1..2
if SEED=$seed SEEDS=${SEEDS:-$histories} "$build/sim" >"$out" 2>&1; then
    echo "ok 1 histories under faults lose nothing and do nothing twice"
    grep '^#' "$out"
else
    echo "not ok 1 histories under faults lose nothing and do nothing twice"
    cat "$out"
    bad=1
fi
if LIE=1 SEED=1 SEEDS=40 TWICE=0 "$build/sim" >"$out" 2>&1; then
    echo "not ok 2 a disk that does not sync is caught"
    cat "$out"
    bad=1
else
    echo "ok 2 a disk that does not sync is caught"
fi
exit $bad
