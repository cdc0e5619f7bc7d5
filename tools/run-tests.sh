#!/bin/sh
# run-tests.sh BUILD TEST... - run the named test programs (and every *.sh beside
# them), show what fails, and end with one line "N passed, N failed".
# A program prints TAP; one that dies counts as one failure more.
set -u
build=$1
shift
passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
run() { # run NAME COMMAND...
    name=$1
    shift
    start=$(date +%s)
    "$@" >"$out" 2>&1
    status=$?
    ok=$(grep -c '^ok ' "$out")
    bad=$(grep -c '^not ok ' "$out")
    [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    passed=$((passed + ok))
    failed=$((failed + bad))
    took=$(($(date +%s) - start))
    if [ "$bad" -gt 0 ]; then
        echo "FAILED $name: $ok passed, $bad failed (${took} s)"
        sed 's/^/    /' "$out" | grep -v '^    ok ' | tail -n 60
    else
        echo "passed $name: $ok (${took} s)"
    fi
}
for test in "$@"; do
    run "$test" "$build/tests/$test"
done
if [ -z "${T:-}" ]; then
    for script in tests/*/test_*.sh; do
        [ -e "$script" ] && run "$script" "$script"
    done
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
