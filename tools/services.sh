#!/bin/sh
# services.sh FILE.proto... - C source for the list of every service block of the
# contract: `methods_services[]`, as lib/host/methods.h declares it.
set -eu
names=$(for file in "$@"; do
    package=$(sed -n 's/.*c_package *= *"\([a-z_]*\)".*/\1/p' "$file")
    sed -n 's/^service *\([A-Za-z0-9]*\).*/\1/p' "$file" | sed 's/\([a-z0-9]\)\([A-Z]\)/\1_\2/g' |
        tr 'A-Z' 'a-z' | sed "s/.*/${package}__&__descriptor/"
done)
printf '#include <protobuf-c/protobuf-c.h>\n\n'
for name in $names; do printf 'extern const ProtobufCServiceDescriptor %s;\n' "$name"; done
printf '\nextern const ProtobufCServiceDescriptor *const methods_services[];\n'
printf 'const ProtobufCServiceDescriptor *const methods_services[] = {\n'
for name in $names; do printf '    &%s,\n' "$name"; done
printf '    NULL,\n};\n'
