#!/bin/sh
# coverage.sh BUILD - the lines of each parser that the committed corpora reach, without mutations.
set -u
build=$1
parsers="lib/base/config.c lib/base/csv.c lib/base/json.c lib/base/json_field.c lib/base/json_values.c lib/base/json_write.c
    lib/base/seal.c lib/base/text.c lib/base/token.c lib/core/dispatch.c lib/core/needs.c lib/host/frame.c
    lib/host/import.c lib/host/import_roster.c lib/host/keys.c lib/host/methods.c lib/host/settings.c
    lib/manual/condition.c lib/manual/sentence.c lib/manual/yaml.c $(echo lib/manual/compile*.c)
    lib/host/rehearse_check.c lib/host/rehearse_text.c lib/host/rehearse_value.c"
find "$build" -name '*.gcda' -exec rm -f {} +
RUNS=0 "$build/fuzz" || exit 1
for file in $parsers; do
    gcov -n -o "$build/$(dirname "$file")" "$build/${file%.c}.o" 2>/dev/null |
        awk -v file="$file" '$1 == "File" { ours = $2 == "\x27" file "\x27" }
            ours && /^Lines executed/ { split($0, part, /[:% ]+/); print part[3], $NF, file; exit }'
done | awk '{ printf "%6.1f %% of %4d  %s\n", $1, $2, $3; lines += $2; met += $1 * $2 / 100 }
    END { printf "%6.1f %% of %4d  all parsers\n", 100 * met / lines, lines }'
