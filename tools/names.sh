#!/bin/sh
# names.sh - the manual is data: no name of a procedure, state, event, role or
# parameter stands in C as a string.  The words that the mechanisms themselves use
# (each with its reason) stand in names.allow.
set -u
names=$(mktemp)
trap 'rm -f "$names"' EXIT
{
    sed -n 's/^procedure: *\([a-z_]*\).*/\1/p' manual/procedures/*.yaml
    sed -n '/^roles:/,/^permissions:/s/^  \([a-z_]*\):.*/\1/p' manual/roles.yaml
    sed -n 's/^\([a-z]*\.[a-z_0-9]*\):.*/\1/p' manual/parameters.yaml
    # Of states and events only those of several words: a single one ("due", "done") is
    # anybody's word, and says nothing.
    grep -ohE 'event: *[a-z]+_[a-z_0-9]+' manual/procedures/*.yaml | sed 's/event: *//'
    grep -ohE '(from|to): *\[?[a-z_0-9, ]+\]?' manual/procedures/*.yaml | sed 's/^[a-z]*: *//' |
        tr -d '[],' | tr ' ' '\n' | grep _
} | grep -E '^[a-z][a-z_0-9.]{2,}$' | sort -u |
    grep -vxF "$(sed -n 's/^\([a-z_.]*\) .*/\1/p' tools/names.allow)" >"$names"
bad=0
for file in $(find lib services cli -name '*.[ch]' 2>/dev/null); do
    grep -vE '^ *(/\*|\*)' "$file" | grep -noE '"[a-z][a-z_0-9.]+"' | sed 's/^\([0-9]*\):"\(.*\)"$/\2 \1/' | sort >"$names.used"
    hits=$(awk 'NR == FNR { name[$1] = 1; next } $1 in name { print $2 ": \"" $1 "\"" }' "$names" "$names.used")
    if [ -n "$hits" ]; then
        echo "$hits" | sed "s|^|$file:|"
        bad=1
    fi
done
rm -f "$names.used"
[ "$bad" -eq 0 ] && echo "names: ok, none of $(wc -l <"$names") names of the manual stands in C" && exit 0
echo "names: these belong into manual/ (or, with a reason, into tools/names.allow)" >&2
exit 1
