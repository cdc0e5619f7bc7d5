#!/bin/sh
# setup.sh - install the Debian 12 packages that build, run and tests need, if any
# is missing.  With sudo when not root.  Says what it does.
set -eu
packages="gcc make git patch pkg-config libc6-dev libzmq3-dev libczmq-dev libprotobuf-c-dev
    protobuf-c-compiler protobuf-compiler libprotobuf-dev libsqlite3-dev sqlite3 libsodium-dev libyaml-dev libjansson-dev
    libcurl4-openssl-dev clang clang-format clang-tidy cppcheck faketime e2fsprogs"
missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
sudo=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "setup: these packages are missing and there is no sudo; as root, run: apt-get install$missing" >&2
        exit 1
    }
    sudo=sudo
fi
echo "setup: installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup: apt could not install them; see above" >&2
    exit 1
fi
