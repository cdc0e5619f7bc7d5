#!/bin/sh
# plans.sh - what a statement costs must grow with what it gives, not with what is stored: no
# statement of a service reads a whole table or sorts what it read.  Each QUERY(…) literal is
# explained by SQLite against the schema of its service.  Where it is right to read all, a
# comment inside the parentheses says why:  QUERY(store, /* scan: six rows */ "SELECT …")
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

schemas() { # schemas FOLDER - its steps: those of lib/ that its schema list names, then its own
    case "$1" in
    */registry) find lib/core lib/engine/schema/revision -name '*.sql' | sort ;; # has its own people
    *) find lib -name '*.sql' | sort ;;
    esac
    find "$1" -path '*services/*' -name '*.sql' | sort
}
schema() { # schema DB FILE... - the tables, in the order of the steps
    db=$1
    shift
    cat "$@" | sqlite3 "$db"
}
statements() { # statements FILE - line<TAB>scan-reason<TAB>SQL of each QUERY(…)
    awk '
    { text = text $0 "\n" }
    /^#define [A-Z_]+ *(\\|")/ { name = $2; body = ""; more = 1; sub(/^#define [A-Z_]+/, "") }
    more { body = body $0; more = /\\$/; if (!more) macro[name] = literal(body) }
    function literal(from,    sql, i, c, inside) { # what its strings say together
        for (i = 1; i <= length(from); i++) {
            c = substr(from, i, 1)
            if (c == "\"") inside = !inside
            else if (inside) sql = sql c
        }
        return sql
    }
    END {
        line = 1
        while ((at = index(text, "QUERY(")) > 0) {
            before = substr(text, 1, at - 1)
            line += gsub(/\n/, "", before)
            text = substr(text, at + 6)
            depth = 1; sql = ""; why = ""; inside = 0; i = 0
            while (depth > 0 && i++ < length(text)) {
                c = substr(text, i, 1)
                if (inside) {
                    if (c == "\\") { i++; sql = sql substr(text, i, 1) }
                    else if (c == "\"") inside = 0
                    else sql = sql c
                } else if (c == "\"") inside = 1
                else if (substr(text, i, 2) == "/*") {
                    end = index(substr(text, i), "*/")
                    note = substr(text, i, end)
                    if (note ~ /scan:/) why = note
                    i += end
                }
                else if (match(substr(text, i), /^[A-Z_]+/)) {
                    sql = sql macro[substr(text, i, RLENGTH)]
                    i += RLENGTH - 1
                }
                else if (c == "(") depth++
                else if (c == ")") depth--
            }
            here = line
            before = substr(text, 1, i)
            line += gsub(/\n/, "", before)
            text = substr(text, i + 1)
            gsub(/\n/, " ", why)
            if (sql != "") printf "%d\t%s\t%s\n", here, (why == "" ? "-" : why), sql
        }
    }' "$1"
}
bad=0
count=0
for folder in lib/core lib/engine services/*/; do
    folder=${folder%/}
    db=$work/$(basename "$folder").db
    # shellcheck disable=SC2046 # no blanks in these names
    schema "$db" $(schemas "$folder")
    for file in "$folder"/*.c; do
        statements "$file" >"$work/list"
        while IFS='	' read -r line why sql; do
            count=$((count + 1))
            plan=$(printf 'EXPLAIN QUERY PLAN %s;\n' "$sql" | sqlite3 "$db" 2>&1) || {
                echo "$file:$line: $plan" | head -n 1
                bad=1
                continue
            }
            found=$(printf '%s\n' "$plan" | grep -E 'SCAN|TEMP B-TREE' | grep -vE 'CONSTANT ROW' || true)
            # In the order of an index, the first few: as cheap as it looks.
            case "$sql" in *WHERE*) ;; *LIMIT*) found=$(printf '%s\n' "$found" | grep 'TEMP B-TREE' || true) ;; esac
            if [ -n "$found" ] && [ "$why" = - ]; then
                echo "$file:$line: $(echo "$found" | sed 's/^[ |`-]*//' | paste -sd, -): $sql" | cut -c1-260
                bad=1
            fi
        done <"$work/list"
    done
done
[ "$count" -ge 200 ] || {
    echo "plans: only $count statements were found: is QUERY( still what it is called?"
    bad=1
}
exit $bad
