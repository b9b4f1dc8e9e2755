# bash completion for lunalloc. `lunalloc complete` knows the commands, their options, live processes and the names of
# controls; scripts and the options of the interpreter are completed here.

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

# The words up to the cursor, those that bash splits at ':' and '=' put together; sets words and word.
_lunalloc_words() {
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$line"
    if [[ $line == *[[:blank:]] ]]; then words+=(""); fi
    words=("${words[@]:1}")
    word=${words[-1]-}
}

# Adds what lunalloc offers. Of several candidates, notes are shown behind a blank; of one, only the text is taken.
_lunalloc_offers() {
    local text note texts=() notes=()
    while IFS=$'\t' read -r text note; do
        case $text in
        '') ;;
        :files) compopt -o default ;;
        :commands) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$word") ;;
        *)
            texts+=("$text")
            notes+=("$text${note:+ ($note)}")
            ;;
        esac
    done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
    if [[ ${#texts[@]} == 1 ]]; then
        [[ ${texts[0]} != *. ]] || compopt -o nospace
        # bash replaces the part behind the last ':' or '=' only.
        note=${COMP_WORDS[COMP_CWORD]#[:=]}
        COMPREPLY+=("${texts[0]#"${word%"$note"}"}")
    elif [[ ${#texts[@]} -gt 1 ]]; then
        compopt -o nospace
        COMPREPLY+=("${notes[@]}")
    fi
}

_lunalloc() {
    local words word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [[ $COMP_CWORD == 1 && $word != -* ]]; then
        _lunalloc_words
        _lunalloc_offers
        if [[ ${#COMPREPLY[@]} == 0 ]]; then
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$word"; compgen -d -- "$word")
        fi
    elif [[ ${COMP_WORDS[1]} =~ ^[a-z]+$ ]]; then
        _lunalloc_words
        _lunalloc_offers
    elif _lunalloc_has_script; then
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
