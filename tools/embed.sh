#!/bin/sh
# embed.sh LIST FILE.sql... - C source for `struct migration LIST_schema[]`: one
# entry per file, in the order given, named LIST/file-without-.sql.
set -eu
list=$1
shift
printf '#include "store/store.h"\n\nconst struct migration %s_schema[] = {\n' "$list"
for file in "$@"; do
    printf '    {"%s/%s",\n' "$list" "$(basename "$file" .sql)"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/     "/' -e 's/$/\\n"/' "$file"
    printf '    },\n'
done
printf '    {0},\n};\n'
