#!/usr/bin/env bash
# git: clone and gc of the project's last commits, with its child processes and packing threads.
. "${0%/*}/common.bash"
need git
unset "${!GIT_@}"
export HOME=$work GIT_CONFIG_NOSYSTEM=1
cat >"$HOME/.gitconfig" <<END
[user]
    name = nobody
    email = nobody@example.org
[safe]
    directory = *
[init]
    defaultBranch = main
[pack]
    threads = 2
END

# A source tree that is no repository (an unpacked archive) becomes one, of a single commit.
origin=$root
if ! git -C "$root" rev-parse -q --verify HEAD >/dev/null 2>&1; then
    origin=$work/origin
    mkdir "$origin"
    (cd "$root" && tar cf - Makefile src lua console scripts tests) | tar xf - -C "$origin"
    (cd "$origin" && git init -q && git add . && git commit -q -m 'the tree') || fail "git: a repository of the tree"
fi

# Prints what the repository holds, not how it is packed: with threads, deltas depend on timing.
clone_and_gc() {
    git clone -q --no-local --depth 40 "file://$origin" clone && cd clone &&
        git gc -q --aggressive --prune=now && git fsck --full --strict &&
        git log --stat --format='%H %T %s' && git rev-list --objects --all | sort &&
        git count-objects -v | grep -E '^(count|in-pack|packs|garbage)' &&
        git grep -c return -- '*.c' '*.h' && git archive HEAD | cksum &&
        cd .. && rm -rf clone
}

taken_over git -C "$work" config --list
same "git: clone, gc, fsck, log, grep, archive" clone_and_gc
finish
