#!/usr/bin/env bash
# What the Tab key offers in bash: commands, options, live processes, names and values of controls, files, scripts.
. "$(dirname "$0")/common.bash"
. console/lunalloc.bash

mkdir -m 700 "$scratch/run"
export XDG_RUNTIME_DIR=$scratch/run
name=victim$$
ln -s "$console" "$scratch/$name"
LUNALLOC_CONF=agent:true "$scratch/$name" -e 'la.buffer(1) print "ready" io.stdout:flush()
    require("lunalloc.console").sleep(600)' >"$scratch/ready" </dev/null &
pid=$!
trap 'kill "$pid" 2>/dev/null; wait 2>/dev/null; rm -rf "$scratch"' EXIT
until [ -s "$scratch/ready" ]; do sleep 0.02; done

# Outside of a completion, it has no effect; the test sees what was asked for.
compopt() { asked+="${asked:+ }$2"; }

# offers LINE -- completes at the end of `lunalloc LINE`; sets offered (candidates, sorted, separated by '|') and asked.
# Words are split as bash does it, at blanks, ':' and '='.
offers() {
    local part word
    COMP_LINE="$console $1" COMP_POINT=$((${#console} + 1 + ${#1})) COMP_WORDS=("$console") asked=''
    for word in $1; do
        while [[ $word =~ ^([^:=]*)([:=])(.*)$ ]]; do
            [ -z "${BASH_REMATCH[1]}" ] || COMP_WORDS+=("${BASH_REMATCH[1]}")
            COMP_WORDS+=("${BASH_REMATCH[2]}")
            word=${BASH_REMATCH[3]}
        done
        [ -z "$word" ] || COMP_WORDS+=("$word")
    done
    [[ $1 != *' ' && -n $1 ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _lunalloc
    offered=$(printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd '|')
}

offers ''
check_match "commands, with what they do" "$offered" "^attach \(opens .*\|ps \(lists .*\|top \(.*\)$"
offers sta
check "one command" "$offered" stats
offers 'stats --'
check_match "its options" "$offered" "^--help\|--json\|.*--over.*"
offers 'stats --ove'
check "one option" "$offered" --over
offers 'attach --way '
check "values of an option" "$offered" "agent|memory|request"
offers 'attach --way=me'
check "behind a =" "$offered" memory
offers 'serve --listen 127.0.0.1:'
check "behind a :" "$offered" 9177
offers "stats $pid"
check "a process by number" "$offered" "$pid"
offers "stats ${name%?}"
check "a process by name" "$offered" "$name"
offers "stats "
check_match "processes with their names" "$offered" "(^|\|)$pid \($name\)"
offers "get $name arena.0.dirty_d"
check "a control" "$offered" arena.0.dirty_decay_ms
offers "get $pid are"
check_match "controls, part by part" "$offered/$asked" "^arena\.\|arenas\./.*nospace"
offers "get $pid arena."
check "indices that there are" "$offered/$asked" "arena.0./nospace"
offers "set $name background_thread "
check "values of a switch" "$offered" "false|true"
offers "set $name arena.0.thp "
check "values of an enumeration" "$offered" "always|default|never"
offers "get no-such-process opt.narena"
check "controls without a target" "$offered" opt.narenas
offers "prof $pid st"
check "verbs" "$offered" "start|stop"
offers 'core '
check "files for core" "$offered/$asked" "/default"
offers "core ./core do"
check "commands for core files" "$offered" doctor
offers 'run seq'
check_match "programs for run" "$offered" "(^|\|)seq(\||$)"
offers 'run -- ls '
check "files for what is run" "$offered/$asked" "/default"
offers 'test produ'
check "scenarios for test" "$offered" producer_consumer
offers 'test --allocator je'
check "allocators for test" "$offered" jemalloc
offers 'help ser'
check "help on a command" "$offered" serve

cd "$scratch" || exit
touch script.lua other.txt
offers './scr'
check "scripts" "$offered" ./script.lua
offers 'script.lua x'
check "files behind a script" "$offered/$asked" "/default"
offers 'other x'
check "and one that looks like a command" "$offered/$asked" "/default"
offers '--t'
check "options of the interpreter" "$offered" --tour
offers '-e co'
check "nothing in code" "$offered" ""
finish
