#!/bin/sh
# fuzz.sh TARGETS MINUTES - libFuzzer on each target for so long.  What it finds new goes to build-fuzz/corpus/TARGET,
# what ends the target to build-fuzz/found; `fuzz.sh` says where.
set -u
targets=$1
minutes=$2
passed=0
failed=0
mkdir -p build-fuzz/found
for target in $targets; do
    mkdir -p "build-fuzz/corpus/$target"
    echo "fuzz: $target for $minutes min"
    if "build-fuzz/fuzzer/$target" -max_total_time=$((minutes * 60)) -timeout=60 -rss_limit_mb=6000 -max_len=16384 \
        -artifact_prefix="build-fuzz/found/$target-" "build-fuzz/corpus/$target" "tests/fuzz/corpus/$target"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "fuzz: $target: see build-fuzz/found/$target-*; again: build-fuzz/fuzzer/$target FILE"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
