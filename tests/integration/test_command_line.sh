#!/bin/bash
# The command line as a newcomer meets it, in both languages: what it says of wrong
# options, files and names, of a service that is stopped, and with which exit code.
set -u
cd "$(dirname "$0")/../.." || exit 1
shouwen=${BIN:-build/bin}/shouwen
dir=$(mktemp -d /tmp/words.XXXXXX)
export SHOUWEN_DIR=$dir/run LC_ALL=C.UTF-8
unset SHOUWEN_AS
trap '"$shouwen" down >/dev/null 2>&1; rm -rf "$dir"' EXIT
. tests/aid/tap.sh
# says CODE TEXT COMMAND...: it exits so, and TEXT is in what it says on stdout or stderr.
says() {
    want=$1 text=$2
    shift 2
    "$shouwen" "$@" >"$dir/said" 2>&1 </dev/null
    got=$?
    cat "$dir/said"
    [ "$got" = "$want" ] || { echo "exit $got, not $want"; return 1; }
    grep -qF -- "$text" "$dir/said"
}
# both CODE CHINESE ENGLISH COMMAND...: by the locale, and by --lang.
both() {
    code=$1 zh=$2 en=$3
    shift 3
    LC_ALL=zh_CN.UTF-8 says "$code" "$zh" "$@" && LC_ALL=en_US.UTF-8 says "$code" "$en" "$@" &&
        says "$code" "$zh" "$@" --lang zh
}

# ---- without an instance ----
is "no instance: what to do is said" \
    both 1 "那里没有实例；建立一个：shouwen up" "no instance there; make one: shouwen up" status
is "every usage line is in the reader's language" bash -c '
    for c in up backup restore call events import pager manual receiver rehearse run staff; do
        '"$shouwen"' $c --help --lang zh | head -n 1 | sed s/JSON// | grep -qE "[A-Z]{3,}" && { echo $c; exit 1; }
        '"$shouwen"' $c --help --lang en | grep -qP "[^\x00-\x7F…王丽]" && { echo $c; exit 1; }
    done; exit 0'
is "a command that is none: the nearest one" both 2 "是不是 events？" "did you mean events?" evnts
is "help is a word too" says 0 "usage: shouwen up" help up
is "an option before the command that is none is said" says 2 "--loud" --loud status
is "an option with one dash is one too" says 2 "no such option" status -x
is "a file that is not there" both 1 "没有这个文件或目录" "No such file or directory" \
    manual check "$dir/nothing"
is "doctor speaks" both 0 "剩余空间" "free space" doctor
is "its names in JSON stay" says 0 '"what":"free space"' doctor --json --lang zh
cp -r tests/manuals/small "$dir/manual"
sed -i 's/rating5/ratings/' "$dir/manual/forms/L-1.yaml"
is "a mistake in the manual" both 1 '没有类型“ratings”；是不是“rating5”？' \
    'unknown type "ratings"; did you mean "rating5"?' manual check "$dir/manual"
is "and its place" says 1 'forms/L-1.yaml:15:36: ' manual check "$dir/manual"

# ---- rehearsals ----
cat >"$dir/wrong.yaml" <<'YAML'
rehearsal: Not as told
data: demo
start: 2025-07-11T22:00:00+08:00
steps:
  - at: "22:14"
    as: 王丽
    open: repair
    unit: 2-1-501
    caller: {name: 孙先生, phone: "13800000000"}
    channel: call
    fields: {urgency: E1, trade: water, scope: private, place: 厨房, content: leak}
    save: leak
    expect:
      - state: {case: $leak, is: closed}
      - paged: {to: 周涛, about: $leak, times: 2}
YAML
is "what did not hold: the line, what was expected, what was there" \
    both 1 "wrong.yaml:14: E01-KF011-20250711-0001 应为 closed，实为 registered" \
    "wrong.yaml:14: expected E01-KF011-20250711-0001 to be closed; is registered" \
    rehearse "$dir/wrong.yaml"
is "options may stand after the files" says 1 "王丽: repair" rehearse "$dir/wrong.yaml" --explain
is "and before them" says 1 "王丽: repair" rehearse --explain "$dir/wrong.yaml"
is "an option of rehearse that is none" says 2 "--expain" rehearse "$dir/wrong.yaml" --expain
is "the outcome as JSON" says 1 '"passed":false,"held":0,"failed":2' rehearse --json "$dir/wrong.yaml"
is "rehearse wants a file" says 2 "usage: rehearse" rehearse
is "live goes without --twice" says 2 "--twice" rehearse --live --twice "$dir/wrong.yaml"

# ---- an instance ----
"$shouwen" up >/dev/null || exit 1
is "the table of services stands straight in both languages" bash -c '
    for l in zh en; do
        '"$shouwen"' status --lang $l | sed "s/[^\x00-\x7F]/xx/g" | awk "{ print length }" | uniq | wc -l
    done | grep -qv "^1$" && exit 1; exit 0'

# ---- what is missing ----
is "a request without what it must name: the field is said" \
    both 1 "必须填写：case_no" "this must be filled in: case_no" call ticketing/GetCase '{}'
is "all of them" says 1 "case_no, event" call ticketing/FireEvent
is "in its own words for programs" says 1 '"code":"invalid_argument","rule":"field_missing"' \
    call patrol/GetCase '{}' --json
empty() { # every method that names one thing, asked for nothing
    for m in ticketing/OpenCase ticketing/LinkContact Acknowledge Reject GetPage PutChannel GetUnit \
        GetPerson GetStaff SetLeave MarkLeft Unmask StartImport ImportRows FinishImport GetImport \
        RevokeToken PublishManual GetKpi ListKpis ListItems Dashboard ImportRoster IssueToken; do
        says 1 field_missing call "$m" '{}' --json >"$dir/one" || { echo "$m: $(cat "$dir/one")"; return 1; }
    done
}
is "so does every method that must name something" empty

# ---- services by name, files, completion ----
for c in up down backup "call Core/Health --service"; do
    is "$c: a service that is none, and the nearest" \
        both 2 "没有服务 notifi；是不是 notify？" "no such service: notifi; did you mean notify?" $c notifi
done
is "a file that is not there is named once" both 1 "shouwen: $dir/no.csv: 没有" "shouwen: $dir/no.csv: No such" \
    import "$dir/no.csv"
is "one that is no list too" both 1 "README.md：看列名" "README.md: its columns" import README.md
completes() { # completes WANTED WORD...
    want=$1
    shift
    bash -c "source <($shouwen completion bash); COMP_WORDS=(\"\$@\"); COMP_CWORD=\$((\$# - 1)); _shouwen
        printf '%s\n' \"\${COMPREPLY[@]}\"" - "$@" >"$dir/words" && grep -qx -- "$want" "$dir/words"
}
is "bash completes commands" completes events "$shouwen" ev
is "their options, also after --dir" completes --follow "$shouwen" --dir /tmp events --f
is "services" completes notify "$shouwen" down no
is "methods" completes ticketing/GetCase "$shouwen" call ticketing/
is "topics" completes repair.dispatch "$shouwen" events --topic repair.d

# ---- events ----
"$shouwen" import deploy/demo/staff.csv >/dev/null || exit 1
is "a topic that is none: the nearest one" \
    both 2 '没有“staff.chnaged”这个主题；是不是 staff.changed？' \
    'there is no topic staff.chnaged; did you mean staff.changed?' events --topic staff.chnaged
is "a procedure's topic is one, though nothing of it has happened" \
    both 0 "没有符合的事件" "there are no such events" events --topic repair.dispatch
is "no events of a case that is not there" both 0 "没有符合的事件" "no such events" events --case E01-KF011-20250101-0001
is "and that is no output" bash -c "[ -z \"\$($shouwen events --topic repair.dispatch 2>/dev/null)\" ]"
is "the last of a topic, however many others came after" bash -c "
    $shouwen events --topic manual.published --last 3 | grep -c manual.published | grep -qx 3"
is "all of them, also where a reply is full before its number" bash -c "
    [ \$($shouwen events --topic manual.published --last 1000 | wc -l) = \$(find manual -name '*.yaml' | wc -l) ]"
is "the newest comes last" bash -c "$shouwen events | tail -n 1 | grep -q token.issued"
is "all topics can be listed" says 0 "repair.dispatch" events --topics
is "a pattern fits many" says 0 "staff.changed" events --topic 'staff.*' --last 1

# ---- a service that is stopped ----
"$shouwen" down registry
for c in "staff list" "manual show" "pager --as 周涛" events "import deploy/demo/staff.csv" "call ListStaff"; do
    is "$c: at once, that registry is stopped" both 1 "启动：shouwen up registry" "start it: shouwen up registry" $c
done
"$shouwen" up registry >/dev/null
columns() { # every line of the list begins its roles in the same place
    "$shouwen" staff list --lang "$1" | sed 's/[^\x00-\x7F]/xx/g' | grep -oE '^.{18}' | grep -qE '[^ ]$' && return 1
    "$shouwen" staff list --lang "$1" | head -n 1 | grep -q "$2"
}
is "the list of staff stands straight" columns zh 工号
is "in English too" columns en number

# ---- rosters ----
row() { # row DATE STAFF
    echo "$1,desk,A,$1T08:00:00+08:00,$1T16:00:00+08:00,$2,1"
}
{ echo date,post,shift,start,end,staff,order; row 2025-06-01 S102; row 2025-07-01 S1022; row 2025-07-02 张小明; } \
    >"$dir/roster.csv"
is "a roster with people whom nobody knows: each row, and who may be meant" \
    both 1 "roster.csv:3: staff: 没有“S1022”这个员工（工号或姓名）；是不是 S102 张敏？" \
    "roster.csv:3: staff: nobody here is S1022 (number or name); did you mean S102 张敏?" \
    import "$dir/roster.csv"
is "every one of them" says 1 "roster.csv:4: staff: " import "$dir/roster.csv"
is "as JSON too" says 1 '"line":4,"mistakes":[{"field":"staff","rule":"roster_staff"' \
    import --json "$dir/roster.csv"
duty() { "$shouwen" call --json patrol/ListDuties '{"atMs": 1748743200000, "post": "desk"}'; } # 06-01 10:00
none() { [ "$(duty)" = "{}" ]; }
is "nothing of it came in, not even of the month without mistakes" none
{ echo date,post,shift,start,end,staff,order; row 2025-06-01 王丽; row 2025-07-01 S102; } >"$dir/roster.csv"
is "without them it does, and a name becomes its number" says 0 "2 rows of roster are in" import "$dir/roster.csv"
on_duty() { for _ in $(seq 50); do duty | grep -q S101 && return; done; duty; return 1; }
is "so he is on duty by his number" on_duty
"$shouwen" down bus
printf 'staff,name,roles,department,area,deputy,phone,channels\nS199,钱多,desk,cs,,,13900000199,desk\n' >"$dir/new.csv"
"$shouwen" import "$dir/new.csv" >/dev/null
{ echo date,post,shift,start,end,staff,order; row 2025-08-01 S199; } >"$dir/roster.csv"
is "somebody whom patrol has not heard of yet: try again" \
    says 1 "patrol has not heard of S199 yet, so nothing was imported" import "$dir/roster.csv"
"$shouwen" up bus >/dev/null
is "as soon as it has, he is taken" says 0 "1 row of roster is in" import "$dir/roster.csv"

tap_end
