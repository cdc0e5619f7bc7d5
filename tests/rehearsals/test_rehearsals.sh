#!/bin/sh
# test_rehearsals.sh - plays every rehearsal beside it twice: every expectation holds, and both
# times the same events are in the log.  Prints TAP.  BIN: where the programs are.
set -u
here=$(dirname "$0")
bin=${BIN:-$here/../../build/bin}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
set -- "$here"/*.yaml
echo "1..$#"
n=0
bad=0
for file in "$@"; do
    n=$((n + 1))
    name=$(basename "$file" .yaml)
    if "$bin/shouwen" rehearse --twice "$file" >"$out" 2>&1; then
        echo "ok $n $name"
    else
        echo "not ok $n $name"
        sed 's/^/# /' "$out"
        bad=$((bad + 1))
    fi
done
[ "$bad" -eq 0 ]
