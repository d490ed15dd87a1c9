-- Another app: some of its names are Bondhu's, and none of its shapes.

insert into auth.users (id, email) values
  (md5('person 1')::uuid, 'person1@example.org'), (md5('person 2')::uuid, 'person2@example.org');

create table public.chat_messages (
  id bigint generated always as identity primary key,
  author uuid references auth.users (id) on delete cascade,
  body text,
  posted_on date default current_date
);
insert into public.chat_messages (author, body)
select md5('person ' || 1 + n % 2)::uuid, 'Note ' || n from generate_series(1, 50) n;

create table public.listening_history (
  id serial primary key,
  user_id integer,
  track_id integer,
  played_at text
);
insert into public.listening_history (user_id, track_id, played_at)
select n, n, 'last week' from generate_series(1, 20) n;

create type public.memories as enum ('fond', 'painful');
create table public.albums (id integer primary key, feeling public.memories);
insert into public.albums values (1, 'fond');

create function public.dashboard() returns json
language sql stable
as $$
  select json_build_object('notes', count(*)) from public.chat_messages
$$;

alter table public.chat_messages enable row level security;
alter table public.listening_history enable row level security;
alter table public.albums enable row level security;
create policy "Authors manage their notes" on public.chat_messages for all using (auth.uid() = author);
grant all on public.chat_messages, public.listening_history, public.albums to authenticated;
