-- What luacheck (scripts/check lua) knows of this project.

std = "lua54"
max_line_length = 120


-- Variables that are there to be closed at the end of their scope.
ignore = { "211/_.*", "211/guard" }

-- In a test, a variable may only keep a value alive, or let it go, and functions of Lua are replaced.
files["tests"].ignore = { "121", "122", "211", "221", "231", "241", "311", "331", "411", "421", "431", "512" }

-- These programs keep values in globals until the state is closed.
files["tests/corpus"].ignore = { "211", "241", "311", "111", "112", "113" }

-- The program that runs these scripts defines the functions.
files["tests/lua/hostile"].read_globals = { "hostile" }
files["tests/programs/doctor.lua"].read_globals = { "la" }
