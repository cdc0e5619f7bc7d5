#!/bin/sh
# texts.sh - every rule by which the code refuses has its sentence in the manual's
# texts (errors).
set -u
rules=$(mktemp)
texts=$(mktemp)
trap 'rm -f "$rules" "$texts"' EXIT
# A call may be broken over lines: join them first.
cat lib/*/*.c services/*/*.c cli/*.c | tr '\n' ' ' |
    grep -oE 'err_set\([^;"]*ERR_[A-Z]+, *"[a-z0-9_]+"' | sed 's/.*"\(.*\)"/\1/' | sort -u >"$rules"
cat manual/texts.yaml manual/texts/*.yaml 2>/dev/null |
    awk '/^[a-z]/ { errors = /^errors:/ } errors && /^  [a-z]/ { sub(/:.*/, ""); print $1 }' |
    sort -u >"$texts"
missing=$(comm -23 "$rules" "$texts")
[ -z "$missing" ] && exit 0
echo "$missing" | sed 's/$/: no sentence under errors in manual\/texts/'
exit 1
