#!/bin/bash
# The whole house as real processes, by its command line: any order of starting, a
# bus that is away, kill -9, backup and restore, a pager, what is refused and how.
set -u
cd "$(dirname "$0")/../.." || exit 1
shouwen=${BIN:-build/bin}/shouwen
dir=$(mktemp -d /tmp/house.XXXXXX)
export SHOUWEN_DIR=$dir/run LC_ALL=C.UTF-8
unset SHOUWEN_AS
end() {
    "$shouwen" down >/dev/null 2>&1
    [ -n "${receiver:-}" ] && kill "$receiver" 2>/dev/null
    rm -rf "$dir"
}
trap end EXIT
mkfifo "$dir/never"
. tests/aid/tap.sh
exits() { # exits CODE COMMAND...
    want=$1
    shift
    "$@"
    got=$?
    [ "$got" = "$want" ] || { echo "exit $got, not $want"; false; }
}
ready() { "$shouwen" status --json | grep -q '"ready":false' && return 1 || return 0; }
call() { "$shouwen" call "$@" --json; }
await() { # await COMMAND...: it succeeds within ten seconds
    for _ in $(seq 100); do
        "$@" >/dev/null 2>&1 && return 0
        read -r -t 0.1 _ <>"$dir/never" || true
    done
    "$@"
}

# ---- starting ----
is "up makes an instance, starts six services and publishes the manual" \
    "$shouwen" up
is "all are ready then" ready
is "up again changes nothing" "$shouwen" up
is "keys and secrets are for their owner alone" \
    bash -c '! find "$SHOUWEN_DIR/keys" "$SHOUWEN_DIR/secrets" -perm /077 -type f | grep .'
is "only registry can sign tokens" \
    bash -c '[ "$(grep -l token_secret "$SHOUWEN_DIR"/secrets/*)" = "$SHOUWEN_DIR/secrets/registry.yaml" ]'
backwards() {
    "$shouwen" down && for service in reports notify patrol ticketing registry bus; do
        "$shouwen" up "$service" || return 1
    done >/dev/null && await ready
}
is "the order of starting does not matter" backwards
is "doctor finds nothing wrong, and every door shut to a stranger" "$shouwen" doctor

# ---- usage and refusals ----
helps() {
    for c in up down status doctor call rehearse pager events staff manual import backup restore run; do
        "$shouwen" $c --help --lang en | grep -q usage: || { echo "$c en"; return 1; }
        "$shouwen" $c --help --lang zh | grep -q 用法 || { echo "$c zh"; return 1; }
    done
}
is "every command has its help, in both languages" helps
is "an unknown command is wrong usage" exits 2 "$shouwen" dance
is "an unknown option is wrong usage" exits 2 "$shouwen" status --loud
is "an unknown method is wrong usage, with the nearest one" \
    bash -c "$shouwen call GetKase 2>&1 | grep -q GetCase"
is "JSON that is none is wrong usage" exits 2 "$shouwen" call GetCase '{"caseNo": '
is "what is not there is refused with its code" \
    bash -c "$shouwen call --json ticketing/GetCase '{\"caseNo\": \"E01-KF011-20250101-0001\"}' | grep -q '\"code\":\"not_found\"'"
is "a refusal exits with 1" exits 1 "$shouwen" call GetUnit '{"unit": "9-9-999"}'
is "bash completes the methods" \
    bash -c "source <($shouwen completion bash); COMP_WORDS=(shouwen call ticketing/GetC); COMP_CWORD=2; _shouwen; [ \"\${COMPREPLY[0]}\" = ticketing/GetCase ]"
is "the manual is right" "$shouwen" manual check

# ---- the estate ----
is "import brings the demo estate in" "$shouwen" import deploy/demo/staff.csv deploy/demo/units.csv deploy/demo/persons.csv
printf 'person,unit,identity,name,phone,plate\nP90001,1-1-101,owner,甲,13912345678,\nP90002,9-9-999,owner,乙,13912345679,\n' >"$dir/bad.csv"
is "a bad row is listed by its line" bash -c "$shouwen import $dir/bad.csv | grep -q 'bad.csv:3:'"
is "and nothing of that file came in" exits 1 "$shouwen" call GetPerson '{"person": "P90001"}'
is "who may not is told so" bash -c \
    "$shouwen call --json --as 周涛 PublishManual '{}' | grep -q permission_denied"
is "no phone number lies open in stores, logs or sockets" bash -c '! grep -rla 13800000037 "$SHOUWEN_DIR"'

# ---- a case, a page, a pager ----
open_case() {
    call --as 王丽 ticketing/OpenCase '{"procedure": "repair", "unit": "2-1-501", "channel": "call",
        "caller": {"name": "孙先生", "phone": "13800000000"}, "fields": {"urgency": "E1", "trade": "'"$1"'",
        "scope": "private", "place": "厨房", "content": "水管爆裂"}}' | grep -o 'E01-KF011-[0-9]*-[0-9]*' | head -n 1
}
state() { call --as 王丽 ticketing/GetCase "{\"caseNo\": \"$1\"}" | grep -q "\"state\":\"$2\""; }
mkfifo "$dir/late"
"$shouwen" pager --as 周涛 <"$dir/late" >"$dir/pager" 2>&1 &
pager=$!
exec 9>"$dir/late"
await grep -q 周涛 "$dir/pager"
early=$(open_case lift)
call --as 李强 ticketing/FireEvent \
    "{\"caseNo\": \"$early\", \"event\": \"dispatch\", \"fields\": {\"assignee\": \"S402\"}}" >/dev/null
is "without any channel the ladder is soon at its end" await grep -q "nobody answered" "$dir/pager"
echo a >&9
is "and an answer at the pager still counts" await state "$early" acknowledged
echo q >&9
exec 9>&-
wait "$pager"
"$shouwen" receiver >"$dir/receiver" &
receiver=$!
await grep -q http "$dir/receiver"
is "a channel is set" call PutChannel \
    "{\"staff\": \"*\", \"channel\": \"webhook\", \"address\": \"$(head -n 1 "$dir/receiver")\", \"private\": true}"
leak=$(open_case water)
is "a case is opened by the employee who was reached" state "$leak" registered
mkfifo "$dir/keys"
"$shouwen" pager --as 周涛 <"$dir/keys" >"$dir/pager" 2>&1 &
pager=$!
exec 8>"$dir/keys"
is "a pager opens" await grep -q 周涛 "$dir/pager"
is "the case is dispatched" call --as 李强 ticketing/FireEvent \
    "{\"caseNo\": \"$leak\", \"event\": \"dispatch\", \"fields\": {\"assignee\": \"S402\"}}"
is "the page shows on his pager" await grep -q "${leak:-nothing}" "$dir/pager"
echo a >&8
is "and has gone over HTTP" await grep -q "${leak:-nothing}" "$dir/receiver"
is "he acknowledges with a key, and the case is his" await state "$leak" acknowledged
echo q >&8
exec 8>&-
wait "$pager"
is "the pager ends when he wants" true

# ---- the bus away, services killed ----
is "the bus stops" "$shouwen" down bus
drip=$(open_case masonry)
is "without a bus cases are opened all the same" state "$drip" registered
is "status says that it is away" exits 1 "$shouwen" status
is "the bus comes back" "$shouwen" up
handed_over() { ! "$shouwen" status --json | grep -q '"unrelayed":[1-9]'; }
is "and everything is handed over to it" await handed_over
kill_one() {
    kill -9 "$(cat "$SHOUWEN_DIR/ticketing.pid")" && "$shouwen" up >/dev/null && state "$leak" acknowledged
}
is "a service that was killed starts again and knows all" kill_one
is "events of all services are listed" bash -c "$shouwen events --case $leak | grep -q repair.ack"

# ---- backup and restore ----
is "a backup is made while it runs" "$shouwen" backup registry ticketing
copy=$(ls "$SHOUWEN_DIR"/backup/ticketing-*.db)
mkdir "$SHOUWEN_DIR/all"
is "of all services the bus comes last, with what the others heard" \
    bash -c "$shouwen backup --to $SHOUWEN_DIR/all | tail -1 | grep -q ^bus"
is "no phone number lies open in a backup" bash -c '! grep -qa 13800000000 "$SHOUWEN_DIR"/backup/*'
late=$(open_case power)
is "what came after the backup is there" state "$late" registered
is "no store is no backup" exits 1 "$shouwen" restore ticketing deploy/demo/units.csv
is "a restored store serves again" "$shouwen" restore ticketing "$copy"
is "with what came after it, taken back from the bus" await state "$late" registered
is "and goes on" bash -c "[ -n \"$(open_case power)\" ]"
is "everything stops when asked" bash -c "$shouwen down && ! $shouwen status --json | grep -q '\"pid\":[1-9]'"
is "and starts again with all it had" bash -c "$shouwen up >/dev/null"
is "the case too" state "$leak" acknowledged
tap_end
