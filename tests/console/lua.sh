#!/usr/bin/env bash
# The console's parts that are Lua modules: printing, completion, help, plots. Run in the console itself.
. "$(dirname "$0")/common.bash"
"$console" tests/lua/run.lua tests/console/*_test.lua
