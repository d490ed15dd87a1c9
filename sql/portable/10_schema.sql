-- The portable engine: SQL and PL/pgSQL for servers that load no library. Functions whose name ends
-- with a version are the scorer's of that version; what has none is what the contract asks for.

create schema bondhu_portable;
comment on schema bondhu_portable is 'Bondhu''s engine for servers that load no library.';
revoke all on schema bondhu_portable from public, anon, authenticated, service_role;

create table if not exists bondhu_portable.tables (
  version integer not null,
  name text not null,
  bytes bytea,
  small smallint[],
  whole integer[],
  big bigint[],
  primary key (version, name),
  check (num_nonnulls(bytes, small, whole, big) = 1)
);
comment on table bondhu_portable.tables is 'Numbers that the scorer looks up, a row a table; plans hold them.';
-- Read once a session, as a whole: compressing them would only make that slower.
alter table bondhu_portable.tables
  alter column bytes set storage external, alter column small set storage external,
  alter column whole set storage external, alter column big set storage external;
alter table bondhu_portable.tables enable row level security;
revoke all on table bondhu_portable.tables from public, anon, authenticated, service_role;
