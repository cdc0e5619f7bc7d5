#!/bin/bash
# mutants.sh BUILD PATCH... - each known bug in turn: the test that its patch names must pass
# without it and fail with it.  One line a bug, and at the end "N passed, N failed".
# mutants.sh lint PATCH... - do all of them still apply, and name a test that there is?
#
# A patch begins with one sentence that says what the bug is, and a line
#     Caught by: unit/test_core a_refusal_changes_nothing      (a program, and one of its tests)
#     Caught by: sim SEED=7 SEEDS=1                            (histories of make sim)
#     Caught by: power SEED=7 STATES=2000                      (states of make power)
set -u
cd "$(dirname "$0")/../.." || exit 1
limit=120 # s, for one test

caught_by() { # caught_by PATCH
    sed -n '/^--- /q; s/^Caught by: //p' "$1"
}

broken() { # broken NAME WHY
    echo "BROKEN   $1: $2"
    exit 1
}

# What is wrong with a patch before anything is built; nothing: it is sound.
look_at() { # look_at PATCH
    local program test
    read -r program test <<<"$(caught_by "$1")"
    if [ -z "$test" ]; then
        echo "it has no line \"Caught by: PROGRAM TEST\""
    elif [ "$program" != sim ] && [ "$program" != power ] && [ ! -e "tests/$program.c" ]; then
        echo "there is no tests/$program.c"
    elif grep -q 'TEST(' "tests/$program.c" 2>/dev/null && ! grep -q "TEST($test)" "tests/$program.c"; then
        echo "tests/$program.c has no test $test"
    elif sed -n 's,^+++ b/,,p' "$1" | grep -qv '\.c$'; then
        echo "it changes what is no .c file"
    elif ! patch -p1 --dry-run --force --fuzz=0 <"$1" >/dev/null; then
        echo "it does not apply: the source has moved on, write the bug anew"
    fi
}

# Runs the named test of a program.  0: it passed.
run_test() { # run_test PROGRAM TEST BINARY OUT
    local status
    if [ "$1" = sim ] || [ "$1" = power ]; then
        # shellcheck disable=SC2086  # SEED=7 SEEDS=1 are two words
        env TWICE=0 $2 timeout "$limit" "$3" >"$4" 2>&1
    else
        timeout "$limit" "$3" "$2" >"$4" 2>&1
    fi
    status=$?
    [ "$status" -eq 77 ] && return 1 # skipped is not passed
    return "$status"
}

# The tests themselves, without any bug.
sound() { # sound BUILD PROGRAM TEST
    local out binary=$1/tests/$2
    [ "$2" = sim ] || [ "$2" = power ] && binary=$1/$2
    out=$(mktemp)
    if run_test "$2" "$3" "$binary" "$out"; then
        rm -f "$out"
        exit 0
    fi
    echo "BROKEN   $2 $3 fails without any bug, or is skipped:"
    tail -n 20 "$out" | sed 's/^/    /'
    rm -f "$out"
    exit 1
}

one() { # one BUILD PATCH PLACE
    local name program test why file dir out start status
    name=$(basename "$2" .patch)
    read -r program test <<<"$(caught_by "$2")"
    why=$(look_at "$2")
    [ -z "$why" ] || broken "$name" "$why"
    start=$(date +%s)
    dir=$1/mutants/$name
    out=$dir/out
    rm -rf "$dir"
    mkdir -p "$dir"
    sed -n 's,^--- a/,,p' "$2" | while read -r file; do
        mkdir -p "$dir/$(dirname "$file")"
        cp "$file" "$dir/$file"
    done
    patch -p1 -s --force --fuzz=0 -d "$dir" <"$2" >"$out" || broken "$name" "it does not apply"
    find "$dir" -name '*.orig' -delete
    if ! make --no-print-directory ${SAN_OF:+SAN=1} MUTANT="$name" PROGRAM="$program" "$dir/program" \
        >"$out" 2>&1; then
        tail -n 10 "$out"
        broken "$name" "it does not compile"
    fi
    run_test "$program" "$test" "$dir/program" "$out" 2>/dev/null # bash says who was killed
    status=$?
    [ "$status" -ne 124 ] || broken "$name" "$program $test does not end in $limit s"
    if [ "$status" -eq 0 ]; then
        echo "MISSED   $name: $program $test passed"
        exit 1
    fi
    echo "caught   $name by $program $test ($(($(date +%s) - start)) s, $3)"
    [ -n "${KEEP:-}" ] || rm -rf "$dir"
}

case $1 in
lint)
    shift
    bad=0
    for patch in "$@"; do
        why=$(look_at "$patch")
        [ -z "$why" ] || { echo "$patch: $why" && bad=1; }
    done
    [ "$bad" -eq 0 ] && echo "mutants: $# apply"
    exit "$bad"
    ;;
--sound | --one)
    what=${1#--}
    shift
    "$what" "$@"
    exit 0
    ;;
esac

build=$1
shift
[ "${build%-san}" = "$build" ] || export SAN_OF=1
# Make's own job slots are not for the makes that run below.
unset MAKEFLAGS MAKELEVEL
at_once=$(nproc)
said=$(mktemp)
trap 'rm -f "$said"' EXIT
for patch in "$@"; do
    if [ ! -e "$patch" ]; then
        echo "there is no $patch"
        exit 1
    fi
done
for patch in "$@"; do
    caught_by "$patch"
done | sort -u >"$said"
while read -r program test; do
    printf '%s\0%s\0%s\0' "$build" "$program" "$test"
done <"$said" | xargs -0 -r -n 3 -P "$at_once" "$0" --sound || exit 1
echo "sound: $(wc -l <"$said") tests pass without a bug"
n=0
for patch in "$@"; do
    n=$((n + 1))
    printf '%s\0%s\0%s\0' "$build" "$patch" "$n of $#"
done | xargs -0 -n 3 -P "$at_once" "$0" --one | tee "$said"
passed=$(grep -c '^caught ' "$said")
echo "$passed passed, $(($# - passed)) failed"
[ "$passed" -eq $# ]
