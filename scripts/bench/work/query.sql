-- Inserts, indices, joins, aggregates in memory.
create table person (id integer primary key, name text, born integer);
create table visit (person integer references person, day integer, note text);

with recursive n (i) as (select 1 union all select i + 1 from n where i < 30000)
insert into person select i, printf('name %05d', i * 7919 % 30011), 1900 + i * 31 % 120 from n;

with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000)
insert into visit
select 1 + i * 104729 % 30000, i % 365, substr(hex(i * 1000003), 1, 1 + i % 8) || printf('%.*c', i % 90, 'x') from n;

create index visit_person on visit (person, day);
create index person_name on person (name collate nocase);

select count(*), sum(length(note)) from visit;
select born, count(*), max(day), group_concat(distinct substr(note, 1, 1))
from person join visit on visit.person = person.id group by born order by born;
update visit set note = upper(note) || note where day < 90;
delete from visit where day between 100 and 140;
select json_group_array(json_object('id', id, 'name', name, 'born', born)) from (select * from person order by name);
select sum(number) from (select row_number() over (partition by person order by day, note) as number from visit);
