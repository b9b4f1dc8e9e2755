#!/usr/bin/env bash
# The main job: `lunalloc -e` shortens arena.0.dirty_decay_ms while threads allocate, and the process's resident memory,
# as the system counts it, falls.
. "$(dirname "$0")/common.bash"

code='
local function rss()
    for line in io.lines "/proc/self/smaps_rollup" do
        local kib = line:match "^Rss:%s*(%d+)"
        if kib then return tonumber(kib) end
    end
end
-- One thread, so all of the load is in arena 0. Its live memory shrinks; what becomes free stays, dirty.
la.set("arena.0.dirty_decay_ms", -1)
local w = la.workload{ threads = 1, seed = 3, rate = 20000, duration = "forever", mix = {
    {weight = 1, size = "uniform(4K,64K)", lifetime = "exp(4000)"} } }:start()
w:wait(1.5)
w:set{ scale = 0.02 }
w:wait(1.5)
local arena, before, dirty = la.ctl.arena[0], rss(), la.ctl.stats.arenas[0].dirty
arena.dirty_decay_ms = 0
local after, left = rss(), la.ctl.stats.arenas[0].dirty
print(arena.dirty_decay_ms, w:status() ~= nil, before, after, dirty // 1024, left // 1024)
print(w:stop().ops > 0)'

batch -e "$code" </dev/null
check "the script ends well" "$status/$err" "0/"
read -r decay running before after dirty left <"$scratch/out"
check "the setting is changed while the workload runs" "${decay-}/${running-}" "0/true"
check "there were free pages to give back: ${dirty-} KiB" "$((${dirty:-0} > 20000))" 1
check "and few are left: ${left-} KiB" "$((${left:-99999} < 5000))" 1
check "RSS falls with them: ${before-} KiB -> ${after-} KiB" "$((${after:-0} < ${before:-0} - ${dirty:-0} / 2))" 1
printf 'RSS of a process under load, dirty_decay_ms -1 -> 0: %s KiB -> %s KiB\n' "${before-}" "${after-}"
finish
