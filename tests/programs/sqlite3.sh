#!/usr/bin/env bash
# SQLite: a script with inserts, indexes, joins, triggers, JSON and VACUUM; the database file is compared too.
. "${0%/*}/common.bash"
need sqlite3

taken_over sqlite3 :memory: 'select 1'
same "sqlite3: tables, indexes, joins, vacuum" sqlite3 -batch -bail test.db ".read $here/work.sql"
same "sqlite3: the same in memory" sqlite3 -batch -bail :memory: ".read $here/work.sql"
finish
