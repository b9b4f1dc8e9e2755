#!/bin/sh
# sqlite.sh -- databases in memory: rows of several sizes, an index, deletes, queries that sort; one of two databases is
# closed, and the program waits. What is resident while it waits counts. Tells the time of the load:
#
#     lunalloc tune --measure sqlite3 --settle 0.3s -- sh scripts/tune/sqlite.sh
begin=$(date +%s%N)
exec sqlite3 :memory: "
PRAGMA temp_store = memory;
ATTACH ':memory:' AS more;
CREATE TABLE more.t(id INTEGER PRIMARY KEY, name TEXT, body BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
INSERT INTO more.t SELECT i, 'name ' || (i * 7919 % 200003), zeroblob(i % 700) FROM n;
CREATE INDEX more.t_name ON t(name);
CREATE TABLE kept AS SELECT * FROM more.t WHERE id % 4 = 0;
SELECT count(*), sum(length(body)) FROM (SELECT * FROM more.t ORDER BY body, name);
SELECT count(*), sum(length(body)) FROM (SELECT * FROM more.t ORDER BY name DESC);
DETACH more;" "SELECT count(*) FROM kept;" \
    ".shell sh scripts/tune/tell.sh $begin" ".shell sleep 1.1"
