#!/bin/sh
# proto-compat.sh - a field keeps its number and its type for ever.  Compares the
# contract with proto/released.txt, the contract as last released.
#   proto-compat.sh --write   makes proto/released.txt from what is here (at a release)
set -eu
list() {
    for file in proto/shouwen/*/v1/*.proto; do
        awk -v file="$file" '
            { sub(/\/\/.*/, "") }
            /^package/ { package = $2; sub(/;/, "", package) }
            /^[ ]*(message|enum|service) / {
                depth++; name[depth] = (depth > 1 ? name[depth - 1] "." : package ".") $2
                if ($0 ~ /\{[ ]*\}/) depth--
                else if ($0 ~ /\{.*\}/) { body = $0; sub(/.*\{/, "", body); sub(/\}.*/, "", body)
                    n = split(body, parts, ";")
                    for (i = 1; i <= n; i++) if (parts[i] ~ /=/) { gsub(/^ +| +$/, "", parts[i]); gsub(/ +/, " ", parts[i]); print name[depth] " " parts[i] }
                    depth-- }
                next }
            /^[ ]*oneof / { depth++; name[depth] = name[depth - 1]; next }
            /^[ ]*rpc / { gsub(/^ +|[;{}]/, ""); gsub(/ +/, " "); print name[depth] " " $0; next }
            /=.*;/ && depth > 0 { gsub(/^ +/, ""); gsub(/ +/, " ")
                n = split($0, parts, ";")
                for (i = 1; i <= n; i++) if (parts[i] ~ /=/) { gsub(/^ +/, "", parts[i]); print name[depth] " " parts[i] } }
            /^[ ]*\}/ { depth-- }
        ' "$file"
    done | sort
}
if [ "${1:-}" = --write ]; then
    list >proto/released.txt
    exit 0
fi
[ -f proto/released.txt ] || { echo "proto: nothing released yet"; exit 0; }
gone=$(list | comm -23 proto/released.txt -)
if [ -n "$gone" ]; then
    echo "$gone"
    echo "proto: these were released and are gone or changed; a field keeps its number and type" >&2
    exit 1
fi
echo "proto: ok, $(wc -l <proto/released.txt) released lines still hold"
