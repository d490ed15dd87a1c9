-- Who writes the reply to a message, and what it took. An exchange has one reply however often it is
-- retried: its id follows from the message's, and a lease says who writes it.

create table bondhu.chat_replies (
  user_id uuid not null references auth.users (id) on delete cascade,
  message_id uuid not null,
  reply_id uuid not null,
  lease uuid,
  leased_until timestamptz,
  claimed_at timestamptz not null default '-infinity',
  attempts integer not null default 0,
  reserved_tokens integer not null default 0,
  reserved_on date not null default (now() at time zone 'UTC')::date,
  finished_at timestamptz,
  provider text,
  model text,
  finish_reason text,
  is_cut boolean,
  input_tokens integer,
  output_tokens integer,
  remembered_at timestamptz,

  primary key (user_id, message_id),
  constraint leased_until_a_time check ((lease is null) = (leased_until is null)),
  constraint finished_whole_or_not_at_all check (
    num_nulls(finished_at, provider, model, finish_reason, is_cut, input_tokens, output_tokens) in (0, 7)
  ),
  constraint finished_without_a_lease check (finished_at is null or lease is null),
  constraint attempts_are_counted check (attempts >= 0),
  constraint tokens_are_counted check (least(reserved_tokens, input_tokens, output_tokens) >= 0),
  constraint names_are_short check (char_length(provider) <= 100 and char_length(model) <= 200 and char_length(finish_reason) <= 100)
);
comment on table bondhu.chat_replies is
  'A row per message that was to be answered. lease: somebody writes the reply until leased_until. finished_at: it is stored, as reply_id. Neither: it failed, and may be tried again. No text; kept for 30 days, whatever becomes of the message.';
comment on column bondhu.chat_replies.attempts is 'How often it was claimed, never a minute after the time before.';
comment on column bondhu.chat_replies.reserved_tokens is
  'What is counted into bondhu.chat_usage, on the day reserved_on, until the provider''s own count is known.';
comment on column bondhu.chat_replies.remembered_at is 'When the message was looked through for what is to be remembered.';
comment on column bondhu.chat_replies.is_cut is 'The provider ended it early: finish_reason says why.';

create index chat_replies_by_claim on bondhu.chat_replies (user_id, claimed_at);
create index chat_replies_by_age on bondhu.chat_replies (claimed_at);

create table bondhu.chat_usage (
  user_id uuid not null references auth.users (id) on delete cascade,
  day date not null,
  tokens bigint not null default 0,

  primary key (user_id, day)
);
comment on table bondhu.chat_usage is 'Tokens of a user''s exchanges by day (UTC), with what is reserved for those under way.';

-- In parts, so that no two exchanges of different users wait for one row.
create table bondhu.chat_usage_of_project (
  day date not null,
  part smallint not null,
  tokens bigint not null default 0,

  primary key (day, part),
  constraint part_is_one_of_16 check (part between 0 and 15)
);
comment on table bondhu.chat_usage_of_project is 'Tokens of all exchanges by day (UTC), in 16 parts by user. Deleting a user leaves it: they were used.';

alter table bondhu.chat_replies enable row level security;
alter table bondhu.chat_usage enable row level security;
alter table bondhu.chat_usage_of_project enable row level security;
revoke all on bondhu.chat_replies, bondhu.chat_usage, bondhu.chat_usage_of_project from public, anon, authenticated, service_role;
grant select on bondhu.chat_replies, bondhu.chat_usage, bondhu.chat_usage_of_project to service_role;

create function bondhu.reply_id(message_id uuid) returns uuid
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  -- Version 8 (RFC 9562): its bits are the application's own.
  select overlay(overlay(md5('reply to ' || message_id::text) placing '8' from 13) placing 'a' from 17)::uuid
$$;
comment on function bondhu.reply_id(uuid) is 'The id of the reply to a message.';

create function bondhu.count_chat_tokens(of_user uuid, on_day date, added bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into bondhu.chat_usage as u (user_id, day, tokens)
  values (of_user, on_day, added)
  on conflict (user_id, day) do update set tokens = u.tokens + excluded.tokens;
  insert into bondhu.chat_usage_of_project as p (day, part, tokens)
  values (on_day, uuid_hash(of_user) & 15, added)
  on conflict (day, part) do update set tokens = p.tokens + excluded.tokens;
end
$$;
comment on function bondhu.count_chat_tokens(uuid, date, bigint) is 'Adds to, or takes from, what a user and the project have used on a day.';

create function bondhu.settle_chat_tokens(of_user uuid, reserved integer, reserved_on date, used bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if reserved > 0 then
    perform bondhu.count_chat_tokens(of_user, reserved_on, -reserved);
  end if;
  if used > 0 then
    perform bondhu.count_chat_tokens(of_user, (now() at time zone 'UTC')::date, used);
  end if;
end
$$;
comment on function bondhu.settle_chat_tokens(uuid, integer, date, bigint) is
  'Takes back what was reserved, on the day that it was, and counts today what was used.';

-- Of one user at a time: the row of today's usage is locked.
create function bondhu.chat_limit(of_user uuid, wanted bigint, for_reply boolean) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  s bondhu.companion_settings;
  today date := (now() at time zone 'UTC')::date;
  tomorrow_in integer := ceil(extract(epoch from (today + 1)::timestamp at time zone 'UTC' - now()));
  anonymous boolean := coalesce((select to_jsonb(u) ->> 'is_anonymous' = 'true' from auth.users u where u.id = of_user), true);
  per_minute integer;
  per_day bigint;
  used bigint;
  attempts bigint;
  first_claim timestamptz;
begin
  select * into strict s from bondhu.companion_settings;
  per_minute := case when anonymous then s.anonymous_messages_per_minute else s.messages_per_minute end;
  per_day := case when anonymous then s.anonymous_tokens_per_day else s.tokens_per_day end / case when for_reply then 1 else 2 end;

  insert into bondhu.chat_usage (user_id, day) values (of_user, today) on conflict (user_id, day) do nothing;
  select u.tokens into strict used from bondhu.chat_usage u where u.user_id = of_user and u.day = today for update;

  select coalesce(sum(r.attempts), 0), min(r.claimed_at) into attempts, first_claim
  from bondhu.chat_replies r
  where r.user_id = of_user and r.claimed_at > now() - interval '1 minute';
  if for_reply and attempts >= per_minute then
    return jsonb_build_object('limit', 'messages_per_minute', 'retry_after', case
      when per_minute > 0 then greatest(1, ceil(extract(epoch from first_claim + interval '1 minute' - now()))) end);
  end if;
  if used + wanted > per_day then
    return jsonb_build_object('limit', 'tokens_per_day', 'retry_after', tomorrow_in);
  end if;
  select coalesce(sum(p.tokens), 0) into used from bondhu.chat_usage_of_project p where p.day = today;
  if used + wanted > s.project_tokens_per_day then
    return jsonb_build_object('limit', 'project_tokens_per_day', 'retry_after', tomorrow_in);
  end if;
  return null;
end
$$;
comment on function bondhu.chat_limit(uuid, bigint, boolean) is
  'The limit that so many tokens would break, and in how many seconds to try again; null when none. What is for no reply may have the first half of a day''s alone. Locks the user''s usage until the transaction ends.';

-- SECURITY DEFINER, as those below: the service role writes no table of replies. Whose message it is comes
-- from a verified token.
create function public.claim_reply(user_id uuid, message_id uuid, prompt_tokens integer) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := claim_reply.user_id;
  to_message uuid := claim_reply.message_id;
  s bondhu.companion_settings;
  sender text;
  replier text;
  r bondhu.chat_replies;
  wanted bigint;
  broken jsonb;
begin
  if of_user is null or to_message is null or prompt_tokens is null or prompt_tokens not between 0 and 1000000 then
    raise exception using errcode = '22023', message = 'a reply is claimed by user_id, message_id and prompt_tokens (0 to 1000000)';
  end if;
  select * into strict s from bondhu.companion_settings;
  perform bondhu.lock_account(of_user);
  select m.sender_type into sender from public.chat_messages m where m.user_id = of_user and m.id = to_message for key share;
  if sender is null then
    raise exception using errcode = 'P0002', message = 'there is no such message',
      hint = 'It may have been deleted. Send it again under a new id.';
  elsif sender <> 'user' then
    raise exception using errcode = '55000', message = 'this message is the companion''s own',
      hint = 'Only what the person wrote is answered.';
  end if;
  select m.sender_type into replier from public.chat_messages m where m.user_id = of_user and m.id = bondhu.reply_id(to_message);
  if replier <> 'ai' then
    raise exception using errcode = '55000', message = 'the place of the reply is taken by a message of the person''s own',
      hint = 'Send the message again under a new id.';
  end if;

  -- One of those who ask at once goes on; the others see what it did.
  insert into bondhu.chat_replies (user_id, message_id, reply_id)
  values (of_user, to_message, bondhu.reply_id(to_message))
  on conflict (user_id, message_id) do nothing;
  select * into strict r from bondhu.chat_replies c where c.user_id = of_user and c.message_id = to_message for update;
  if r.finished_at is not null or replier = 'ai' then
    return jsonb_build_object('state', 'done', 'reply_id', r.reply_id, 'is_cut', coalesce(r.is_cut, false),
      'finish_reason', coalesce(r.finish_reason, 'stored'));
  elsif r.leased_until > clock_timestamp() then
    return jsonb_build_object('state', 'writing', 'reply_id', r.reply_id,
      'retry_after', ceil(extract(epoch from r.leased_until - clock_timestamp())));
  end if;

  -- Of who had the lease before and died.
  perform bondhu.settle_chat_tokens(of_user, r.reserved_tokens, r.reserved_on, 0);
  update bondhu.chat_replies c set lease = null, leased_until = null, reserved_tokens = 0
  where c.user_id = of_user and c.message_id = to_message and c.reserved_tokens > 0;

  wanted := prompt_tokens + s.reply_tokens;
  broken := bondhu.chat_limit(of_user, wanted, true);
  if broken is not null then
    return jsonb_build_object('state', 'limited') || broken;
  end if;
  perform bondhu.count_chat_tokens(of_user, (now() at time zone 'UTC')::date, wanted);
  update bondhu.chat_replies c
  set lease = gen_random_uuid(), leased_until = clock_timestamp() + make_interval(secs => s.lease_seconds),
    attempts = case when c.claimed_at > now() - interval '1 minute' then c.attempts + 1 else 1 end,
    claimed_at = now(), reserved_tokens = wanted, reserved_on = (now() at time zone 'UTC')::date
  where c.user_id = of_user and c.message_id = to_message
  returning * into strict r;
  return jsonb_build_object('state', 'claimed', 'reply_id', r.reply_id, 'lease', r.lease);
end
$$;
comment on function public.claim_reply(uuid, uuid, integer) is
  'Takes the right to write the reply to a message, and reserves its tokens. state: claimed (with lease), writing (retry_after), done, or limited (limit, retry_after in seconds). P0002: no such message; 55000: it is not one to be answered.';

create function public.finish_reply(
  user_id uuid, message_id uuid, lease uuid, reply_text text, provider text, model text, finish_reason text, is_cut boolean,
  input_tokens integer, output_tokens integer
) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := finish_reply.user_id;
  to_message uuid := finish_reply.message_id;
  r bondhu.chat_replies;
  session uuid;
  stored jsonb;
begin
  if num_nulls(of_user, to_message, finish_reply.lease, reply_text, finish_reply.provider, finish_reply.model, finish_reply.finish_reason,
               finish_reply.is_cut, finish_reply.input_tokens, finish_reply.output_tokens) > 0
     or char_length(reply_text) > 8000 or octet_length(reply_text) > 24000 or bondhu.text_fault(reply_text) is not null
     or greatest(char_length(finish_reply.provider), char_length(finish_reply.finish_reason)) > 100 or char_length(finish_reply.model) > 200
     or least(finish_reply.input_tokens, finish_reply.output_tokens) < 0
     or greatest(finish_reply.input_tokens, finish_reply.output_tokens) > 10000000 then
    raise exception using errcode = '22023', message = 'this is no reply that can be stored',
      hint = 'Give everything; reply_text as a message has to be (at most 8,000 characters), tokens from 0 to 10,000,000.';
  end if;
  -- In the order in which a claim locks them.
  perform bondhu.lock_account(of_user);
  select m.session_id into session from public.chat_messages m
  where m.user_id = of_user and m.id = to_message for key share;
  if not found then
    raise exception using errcode = 'P0002', message = 'the message is gone', hint = 'Nothing is to be answered any more.';
  end if;
  select * into r from bondhu.chat_replies c where c.user_id = of_user and c.message_id = to_message for update;
  if r.lease is distinct from finish_reply.lease or finish_reply.lease is null then
    raise exception using errcode = '55000', message = 'somebody else has the lease of this reply', hint = 'Claim it again, and replay what is stored.';
  end if;

  insert into public.chat_messages (user_id, id, session_id, sender_type, message_text)
  values (of_user, r.reply_id, session, 'ai', finish_reply.reply_text)
  on conflict (user_id, id) do nothing;
  select to_jsonb(m) into stored from (
    select m.id, m.session_id, m.sender_type, m.message_text, m.created_at
    from public.chat_messages m where m.user_id = of_user and m.id = r.reply_id and m.sender_type = 'ai'
  ) m;
  if stored is null then
    raise exception using errcode = '55000', message = 'the place of the reply is taken by a message of the person''s own',
      hint = 'Send the message again under a new id.';
  end if;
  perform bondhu.settle_chat_tokens(of_user, r.reserved_tokens, r.reserved_on, finish_reply.input_tokens + finish_reply.output_tokens);
  update bondhu.chat_replies c
  set lease = null, leased_until = null, reserved_tokens = 0, finished_at = now(),
    provider = finish_reply.provider, model = finish_reply.model, finish_reason = finish_reply.finish_reason,
    is_cut = finish_reply.is_cut, input_tokens = finish_reply.input_tokens, output_tokens = finish_reply.output_tokens
  where c.user_id = of_user and c.message_id = to_message;
  return stored;
end
$$;
comment on function public.finish_reply(uuid, uuid, uuid, text, text, text, text, boolean, integer, integer) is
  'Stores the reply under a lease, with what it took, and ends the lease, all or nothing; returns the stored message. P0002: the message is gone; 55000: the lease is another''s, or the place is taken.';

create function public.release_reply(user_id uuid, message_id uuid, lease uuid, used_tokens integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_user uuid := release_reply.user_id;
  to_message uuid := release_reply.message_id;
  r bondhu.chat_replies;
begin
  if used_tokens is null or used_tokens not between 0 and 10000000 then
    raise exception using errcode = '22023', message = 'used_tokens are 0 to 10,000,000';
  end if;
  select * into r from bondhu.chat_replies c where c.user_id = of_user and c.message_id = to_message for update;
  if r.lease is null or r.lease is distinct from release_reply.lease then
    return;
  end if;
  perform bondhu.settle_chat_tokens(of_user, r.reserved_tokens, r.reserved_on, used_tokens);
  update bondhu.chat_replies c set lease = null, leased_until = null, reserved_tokens = 0
  where c.user_id = of_user and c.message_id = to_message;
end
$$;
comment on function public.release_reply(uuid, uuid, uuid, integer) is
  'Gives a lease back without a reply, so that a retry may claim it at once; used_tokens are what the provider counted all the same. Nothing happens when the lease is another''s by now.';

create function public.companion() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select to_jsonb(s) - '{singleton,updated_at}'::text[] from bondhu.companion_settings s
$$;
comment on function public.companion() is 'Who the companion is, what answers for it and its budgets: bondhu.companion_settings.';

revoke all on function bondhu.reply_id(uuid), bondhu.count_chat_tokens(uuid, date, bigint), bondhu.settle_chat_tokens(uuid, integer, date, bigint), bondhu.chat_limit(uuid, bigint, boolean),
  public.claim_reply(uuid, uuid, integer),
  public.finish_reply(uuid, uuid, uuid, text, text, text, text, boolean, integer, integer),
  public.release_reply(uuid, uuid, uuid, integer), public.companion()
  from public, anon, authenticated, service_role;
grant execute on function public.claim_reply(uuid, uuid, integer),
  public.finish_reply(uuid, uuid, uuid, text, text, text, text, boolean, integer, integer),
  public.release_reply(uuid, uuid, uuid, integer), public.companion()
  to service_role;
