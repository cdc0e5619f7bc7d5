# tap.sh - what shell tests share: sourced, with $dir a folder of the test's own.
#
#   is NAME COMMAND...   ok when the command succeeds; else what it said
#   tap_end              the plan; exits with 1 when something was not so
number=0
bad=0
is() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$dir/out" 2>&1; then
        echo "ok $number $name"
    else
        echo "not ok $number $name"
        sed 's/^/# /' "$dir/out" | tail -n 20
        bad=1
    fi
}
tap_end() {
    echo "1..$number"
    exit "$bad"
}
