-- Where the bytes of tables come together; 30_tables.sql drops it.

create table bondhu_portable.pieces (
  name text not null,
  width integer not null,
  number integer not null,
  bytes bytea not null,
  primary key (name, number)
);
comment on table bondhu_portable.pieces is 'Bytes of tables while these are installed.';
alter table bondhu_portable.pieces enable row level security;
revoke all on table bondhu_portable.pieces from public, anon, authenticated, service_role;
