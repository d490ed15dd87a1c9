-- What an app builds on Bondhu; above each what foreign_dependents() names of it.

-- view app.v
create view app.v as select message_text from public.chat_messages;

-- view app.v
create view app.v as select * from bondhu.people;

-- materialized view app.m
create materialized view app.m as select count(*) from public.video_likes;

-- table column app.t.c
create table app.t (c public.chat_messages);

-- table column app.t.c
create table app.t (c public.chat_messages[]);

-- table column app.t.c
create table app.t (c bondhu.settings[]);

-- table app.t, table constraint message_can_be_read on app.t
create table app.t () inherits (public.chat_messages);

-- composite type column app.c.c
create type app.c as (c public.chat_messages);

-- type app.d
create domain app.d as public.chat_messages;

-- type app.d
create domain app.d as public.chat_messages[];

-- function app.f(public.chat_messages[])
create function app.f(public.chat_messages[]) returns int return 1;

-- function app.f()
create function app.f() returns setof bondhu.settings language sql as 'table bondhu.settings';

-- procedure app.f(public.chat_messages)
create procedure app.f(public.chat_messages) language sql as '';

-- function app.f()
create function app.f() returns bigint return (select count(*) from public.chat_messages);

-- aggregate app.a(public.chat_messages)
create aggregate app.a(public.chat_messages) (sfunc = array_append, stype = public.chat_messages[]);

-- cast (public.chat_messages AS pg_catalog.text)
create cast (public.chat_messages as text) with inout;

-- function app.f(public.chat_messages), operator app.!!(NONE,public.chat_messages)
create function app.f(public.chat_messages) returns int return 1;
create operator app.!! (rightarg = public.chat_messages, function = app.f);

-- policy p on app.t
create table app.t (id uuid); create policy p on app.t using (exists (select from public.chat_messages m where m.id = t.id));

-- rule r on app.t
create table app.t (id uuid); create rule r as on delete to app.t do also delete from public.chat_messages where id = old.id;

-- table constraint c on app.t
create table app.t (user_id uuid, id uuid, constraint c foreign key (user_id, id) references public.chat_messages);

-- table constraint c on app.t
create table app.t (id text, constraint c foreign key (id) references bondhu.provider_settings);

-- default value for app.t.n
create table app.t (n bigint default nextval('public.chat_messages_seq_seq'));

-- view app.v
create view app.v as select * from public.mood_patterns();

-- default value for app.t.n
create table app.t (n text default public.commit_position());

-- table column app.t.g
create table app.t (n text, g text generated always as (bondhu.text_fault(n)) stored);

-- table constraint c on app.t
create table app.t (n text constraint c check (bondhu.text_fault(n) is null));

-- domain constraint c on app.d
create domain app.d as text constraint c check (bondhu.text_fault(value) is null);

-- index app.i
create table app.t (n text); create index i on app.t (bondhu.text_fault(n));

-- statistics object app.s
create table app.t (n text); create statistics app.s on (bondhu.text_fault(n)), n from app.t;

-- policy p on app.t
create table app.t (n text); create policy p on app.t using (bondhu.text_fault(n) is null);

-- trigger t on app.t
create table app.t (updated_at timestamptz);
create trigger t before update on app.t for each row execute function bondhu.set_updated_at();

-- function app.f(pg_catalog.text)
create function app.f(text default public.commit_position()) returns int return 1;

-- operator app.!!(NONE,pg_catalog.text)
create operator app.!! (rightarg = text, function = bondhu.text_fault);

-- trigger t on auth.users
create trigger t after insert on auth.users for each row execute function bondhu.create_profile();

-- table column public.companion_profiles.avatar_url
alter table public.companion_profiles add avatar_url text;

-- table column public.companion_profiles.n
alter table public.companion_profiles add n int generated always as identity;

-- table constraint c on public.companion_profiles
alter table public.companion_profiles add constraint c check (locale <> 'xx');

-- table constraint c on public.companion_profiles
alter table public.companion_profiles add constraint c unique (user_id, locale);

-- table constraint c on public.companion_profiles
create table app.t (id text primary key); insert into app.t select distinct locale from public.companion_profiles where locale is not null;
alter table public.companion_profiles add constraint c foreign key (locale) references app.t;

-- index public.i
create index i on public.chat_messages (created_at);

-- statistics object app.s
create statistics app.s on user_id, session_id from public.chat_messages;

-- policy p on public.chat_messages
create policy p on public.chat_messages using (true);

-- policy p on bondhu.safety_events
create policy p on bondhu.safety_events using (true);

-- trigger t on public.chat_messages
create trigger t after insert on public.chat_messages for each row execute function app.trigger();

-- trigger bondhu_create_profile on bondhu.safety_events
create trigger bondhu_create_profile after insert on bondhu.safety_events for each row execute function app.trigger();

-- trigger t on public.chat_messages
create constraint trigger t after insert on public.chat_messages for each row execute function app.trigger();

-- rule r on public.user_sessions
create rule r as on delete to public.user_sessions do also nothing;

-- sequence public.s
create sequence public.s owned by public.chat_messages.seq;

-- extension lo
create extension lo schema bondhu;

-- view app.v
create view app.v as select * from bondhu_native.score('so happy');

-- function app.f()
create function app.f() returns int return 1; alter function app.f() depends on extension bondhu;

-- view app.v
create schema if not exists bondhu_portable; create table bondhu_portable.t (n int); create view app.v as select * from bondhu_portable.t;
