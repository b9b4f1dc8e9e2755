-- Deterministic work for sqlite3.sh: the same output and the same file whatever malloc is.
create table person (id integer primary key, name text, born integer);
create table visit (person integer references person, day integer, note text);
create table log (what text);
create trigger counted after delete on visit begin insert into log values ('deleted ' || old.day); end;

with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000)
insert into person select i, printf('name %05d', i * 7919 % 20011), 1900 + i * 31 % 120 from n;

with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000)
insert into visit
select 1 + i * 104729 % 20000, i % 365, substr(hex(i * 1000003), 1, 1 + i % 8) || printf('%.*c', i % 200, 'x') from n;

create index visit_person on visit (person, day);
create index person_name on person (name collate nocase);
analyze;

select count(*), sum(length(note)) from visit;
select born, count(*), max(day), group_concat(distinct substr(note, 1, 1))
from person join visit on visit.person = person.id group by born order by born limit 20;
select a.name, b.name from person a join person b on b.id = a.id + 1 and b.name > a.name order by a.name desc limit 10;

begin;
update visit set note = upper(note) || note where day < 30;
savepoint half;
delete from visit where day between 100 and 110;
rollback to half;
delete from visit where day = 200;
commit;
select count(*), min(what) from log;

with recursive w (i, t) as (select 0, 'a' union all select i + 1, t || t from w where i < 16)
select max(length(t)) from w;
select json_group_array(json_object('id', id, 'name', name)) from (select * from person order by id limit 50);
select sum(number) from (select row_number() over (partition by person order by day, note) as number from visit);

vacuum;
pragma integrity_check;
