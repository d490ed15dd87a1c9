-- Receipts of what people had erased. While one is not finished, bondhu.go_on_erasing() deletes the rest of the messages.

create table public.erasures (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete set null,
  requested_at timestamptz not null default now(),
  finished_at timestamptz,
  up_to_seq bigint not null,
  with_account boolean not null,
  rows_erased jsonb not null,
  remains jsonb not null default '{}',

  constraint erasure_ends_after_its_request check (finished_at >= requested_at),
  constraint rows_erased_is_an_object check (jsonb_typeof(rows_erased) = 'object'),
  constraint remains_is_an_object check (jsonb_typeof(remains) = 'object')
);
comment on table public.erasures is
  'A row per erase_my_data(): what went, and what remains and why. Outlives the account, of nobody then. Kept for settings.erasure_receipt_retention_days.';
comment on column public.erasures.finished_at is 'Null while messages are still being deleted; until then the chat is hidden, and takes no message.';
comment on column public.erasures.up_to_seq is 'Messages up to this chat_messages.seq go.';
comment on column public.erasures.rows_erased is 'By table, how many rows there were.';
comment on column public.erasures.remains is 'By table, why something of the person stays; filled when it is finished.';
create index erasures_by_user on public.erasures (user_id);

alter table public.erasures enable row level security;
revoke all on public.erasures from public, anon, authenticated, service_role;
grant select on public.erasures to authenticated, service_role, bondhu_worker;

create policy "a user reads their own receipts" on public.erasures
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads receipts" on public.erasures
  for select to bondhu_worker using (true);
