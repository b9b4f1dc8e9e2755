# bash completion for lunalloc: its options, then Lua scripts, then any files as the script's arguments.

# Is there a script before the word that is being completed? Changes no variable.
_lunalloc_has_script() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -e | -l) ((i++)) ;;
        --) return "$((i + 1 >= COMP_CWORD))" ;;
        -?*) ;;
        *) return 0 ;;
        esac
    done
    return 1
}

_lunalloc() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if _lunalloc_has_script; then
        compopt -o default
    elif [[ $before == -[el] ]]; then
        return
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-e -l -i -v -h - -- --interactive --tour --version --help' -- "$word")
    else
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$word"; compgen -d -- "$word")
    fi
}

complete -F _lunalloc lunalloc
