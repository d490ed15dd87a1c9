-- Who the companion is, what answers for it, and how much it may take.

create table bondhu.companion_settings (
  singleton boolean primary key default true,

  name text not null default 'Bondhu',
  persona text not null default 'You are a kind, curious and honest friend who remembers what matters to people.',
  provider text not null default 'gemini',
  model text not null default 'gemini-flash-latest',
  history_tokens integer not null default 3000,
  reply_tokens integer not null default 1200,
  memories_in_prompt integer not null default 8,
  memories_kept integer not null default 300,
  lease_seconds integer not null default 90,

  messages_per_minute integer not null default 12,
  anonymous_messages_per_minute integer not null default 4,
  tokens_per_day integer not null default 200000,
  anonymous_tokens_per_day integer not null default 20000,
  project_tokens_per_day bigint not null default 20000000,
  updated_at timestamptz not null default now(),

  constraint companion_settings_is_one_row check (singleton),
  constraint name_is_short check (char_length(name) between 1 and 80 and octet_length(name) <= 320 and bondhu.text_fault(name) is null),
  constraint persona_is_short check (char_length(persona) <= 4000 and octet_length(persona) <= 12000),
  constraint provider_has_an_adapter check (provider in ('gemini', 'openai')),
  constraint model_is_a_name check (char_length(model) <= 200 and model ~ '^[A-Za-z0-9][A-Za-z0-9._:/-]*$'),
  constraint history_fits_a_prompt check (history_tokens between 0 and 100000),
  constraint reply_fits_a_message check (reply_tokens between 16 and 8000),
  constraint memories_are_few check (memories_in_prompt between 0 and 50 and memories_kept between 1 and 2000),
  constraint reply_lease_outlives_a_reply check (lease_seconds between 10 and 600),
  constraint messages_a_minute_are_bounded check (messages_per_minute between 1 and 1000),
  constraint anonymous_messages_a_minute_are_bounded check (anonymous_messages_per_minute between 0 and 1000),
  constraint tokens_a_day_are_bounded check (
    tokens_per_day between 0 and 1000000000 and anonymous_tokens_per_day between 0 and 1000000000
    and project_tokens_per_day between 0 and 1000000000000
  )
);
comment on table bondhu.companion_settings is 'One row. Tokens are the provider''s; days are UTC''s.';
comment on column bondhu.companion_settings.persona is 'What the companion is like, said to it: "You are …".';
comment on column bondhu.companion_settings.provider is 'gemini, or openai for any endpoint that speaks its Chat Completions.';
comment on column bondhu.companion_settings.history_tokens is 'How much of the conversation a prompt holds besides the message that is answered.';
comment on column bondhu.companion_settings.memories_in_prompt is 'How many of a person''s memories a prompt holds. 0: nothing is remembered.';
comment on column bondhu.companion_settings.memories_kept is 'Of a person; of more the oldest go, those first that no longer hold.';
comment on column bondhu.companion_settings.lease_seconds is 'How long whoever writes a reply may be silent before somebody else may write it.';
comment on column bondhu.companion_settings.anonymous_messages_per_minute is 'Of an anonymous account: signing up as one costs nothing. 0 lets none of them chat.';

revoke all on bondhu.companion_settings from public, anon, authenticated, service_role;
grant select, update on bondhu.companion_settings to service_role;
insert into bondhu.companion_settings default values;

create trigger companion_settings_set_updated_at before update on bondhu.companion_settings
  for each row execute function bondhu.set_updated_at();
