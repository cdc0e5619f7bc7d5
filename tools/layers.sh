#!/bin/sh
# layers.sh - arrows point down only (ARCHITECTURE.md):
#   cli, services → lib/host → lib/engine → lib/core → lib/store → lib/base
#                              lib/engine → lib/manual → lib/base
# and never from one service to another.  Only the edges know the world.
set -u
bad=0
files() { # files DIR... : the C files below, without complaint when there are none
    find "$@" -name '*.[ch]' 2>/dev/null
}
forbid() { # forbid WHY PATTERN FILE...
    why=$1 pattern=$2
    shift 2
    [ $# -eq 0 ] && return
    if grep -nE "#include [<\"]($pattern)" "$@" /dev/null; then
        echo "layers: $why" >&2
        bad=1
    fi
}
forbid "lib/base knows nothing else of ours" "(store|core|manual|engine|host)/" $(files lib/base)
forbid "lib/store knows lib/base only" "(core|manual|engine|host)/" $(files lib/store)
forbid "lib/manual knows lib/base and messages only" "(core|engine|host|store)/" \
    $(files lib/manual | grep -v 'lib/manual/publish')
forbid "lib/core does not know the engine, the manual or a host" "(manual|engine|host)/" $(files lib/core)
forbid "lib/engine does not know a host" "host/" $(files lib/engine)
forbid "lib knows no service" "(services|cli)/" $(files lib)
forbid "only lib/store speaks SQLite" "sqlite3" $(files lib services cli | grep -vE '^lib/store/')
forbid "only lib/host speaks ZeroMQ" "c?zmq" $(files lib services cli | grep -vE '^lib/host/')
forbid "a core has no socket, clock, thread or environment" \
    "(sys/socket|netinet|pthread|poll|time|sys/time|unistd|signal)" \
    $(files lib/core lib/engine lib/manual | grep -vE 'lib/manual/(compile|yaml)')
for dir in services/*/; do
    name=$(basename "$dir")
    others=$(ls services | grep -vx "$name" | tr '\n' '|' | sed 's/|$//')
    forbid "services/$name includes another service" "(services/)?($others)/" $(files "$dir")
done
# What must not be called where everything is a function of (store, message, now).
if grep -nwE '(time|gettimeofday|clock_gettime|getenv|rand|random|srand|pthread_create) *\(' \
    $(files lib/core lib/engine) /dev/null; then
    echo "layers: a core asks nobody for time, chance or settings" >&2
    bad=1
fi
[ "$bad" -eq 0 ] && echo "layers: ok"
exit $bad
