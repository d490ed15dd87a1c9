-- Receipts of what people had erased. While one is not finished, bondhu.go_on_erasing() deletes the rest of the messages.

create table public.erasures (
  user_id uuid not null references auth.users (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  requested_at timestamptz not null default now(),
  finished_at timestamptz,
  up_to_seq bigint not null,
  with_account boolean not null,
  rows_erased jsonb not null,
  remains jsonb not null default '{}',

  primary key (user_id, id),
  constraint erasure_ends_after_its_request check (finished_at >= requested_at),
  constraint rows_erased_is_an_object check (jsonb_typeof(rows_erased) = 'object'),
  constraint remains_is_an_object check (jsonb_typeof(remains) = 'object')
);
comment on table public.erasures is
  'A row per erase_my_data(): what went, and what remains and why. Kept for settings.erasure_receipt_retention_days.';
comment on column public.erasures.finished_at is 'Null while messages are still being deleted; until then the chat is hidden, and takes no message.';
comment on column public.erasures.up_to_seq is 'Messages up to this chat_messages.seq go.';
comment on column public.erasures.rows_erased is 'By table, how many rows there were.';
comment on column public.erasures.remains is 'By table, why something of the person stays; filled when it is finished.';
create unique index erasures_under_way on public.erasures (user_id) where finished_at is null;

alter table public.erasures enable row level security;
revoke all on public.erasures from public, anon, authenticated, service_role;
grant select on public.erasures to authenticated, service_role, bondhu_worker;

create table bondhu.receipts (
  id uuid primary key,
  finished_at timestamptz not null,
  receipt jsonb not null,

  constraint receipt_is_an_object check (jsonb_typeof(receipt) = 'object')
);
comment on table bondhu.receipts is
  'What erase_my_data() answered whose account went with it: of nobody, found by the id that they have. Kept for settings.erasure_receipt_retention_days.';
alter table bondhu.receipts enable row level security;
revoke all on bondhu.receipts from public, anon, authenticated, service_role;
grant select on bondhu.receipts to service_role;

create policy "a user reads their own receipts" on public.erasures
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads receipts" on public.erasures
  for select to bondhu_worker using (true);

create function bondhu.is_being_erased(of_user uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from public.erasures e where e.user_id = of_user and e.finished_at is null);
end
$$;
comment on function bondhu.is_being_erased(uuid) is
  'Whether messages of a user are left that an erasure is about: row security hides them from users, and functions that pass it by ask.';
revoke all on function bondhu.is_being_erased(uuid) from public, anon, authenticated, service_role;
