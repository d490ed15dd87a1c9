-- Achievements: definitions, evaluated from facts whenever somebody looks. Nothing counts up: what rests on facts that are
-- deleted goes with them.

create table bondhu.achievements (
  id text primary key,
  place integer not null,
  fact text not null,
  threshold integer not null,
  is_enabled boolean not null default true,

  constraint achievement_id_is_a_short_name check (char_length(id) <= 64 and id ~ '^[a-z][a-z0-9_]*$'),
  constraint fact_is_known check (fact in (
    'messages', 'longest_streak', 'sessions', 'assessments', 'linked_accounts', 'plays', 'memories'
  )),
  -- Facts are counted up to the greatest of these, so that a look costs the same for everybody.
  constraint threshold_is_1_to_1000 check (threshold between 1 and 1000)
);
comment on table bondhu.achievements is
  'What can be achieved: a fact of at least threshold. messages: that count; longest_streak: days in a row with such messages, of the last 180; sessions, plays, memories: that are kept; assessments: completed; linked_accounts: now.';
comment on column bondhu.achievements.place is 'Where it stands among the others.';

create table bondhu.achievement_texts (
  achievement_id text not null references bondhu.achievements (id) on delete cascade,
  locale text not null,
  title text not null,
  description text not null,

  primary key (achievement_id, locale),
  constraint achievement_id_is_short check (char_length(achievement_id) <= 64),
  constraint achievement_locale_is_a_language check (char_length(locale) <= 3 and locale ~ '^[a-z]{2,3}$'),
  constraint title_is_short check (char_length(title) between 1 and 80),
  constraint description_is_short check (char_length(description) between 1 and 300)
);
comment on table bondhu.achievement_texts is 'What achievements are called, by language; who has another one reads English.';

alter table bondhu.achievements enable row level security;
alter table bondhu.achievement_texts enable row level security;
revoke all on bondhu.achievements, bondhu.achievement_texts from public, anon, authenticated, service_role;
grant select, insert, update, delete on bondhu.achievements, bondhu.achievement_texts to service_role;

insert into bondhu.achievements (id, place, fact, threshold) values
  ('first_message', 1, 'messages', 1),
  ('hundred_messages', 2, 'messages', 100),
  ('thousand_messages', 3, 'messages', 1000),
  ('three_days', 4, 'longest_streak', 3),
  ('one_week', 5, 'longest_streak', 7),
  ('one_month', 6, 'longest_streak', 30),
  ('questionnaire', 7, 'assessments', 1),
  ('first_account', 8, 'linked_accounts', 1),
  ('hundred_plays', 9, 'plays', 100),
  ('remembered', 10, 'memories', 1);

insert into bondhu.achievement_texts (achievement_id, locale, title, description) values
  ('first_message', 'en', 'Hello', 'You have written your first message.'),
  ('hundred_messages', 'en', 'A hundred messages', 'You have written a hundred messages.'),
  ('thousand_messages', 'en', 'A thousand messages', 'You have written a thousand messages.'),
  ('three_days', 'en', 'Three days in a row', 'You have written on three days in a row.'),
  ('one_week', 'en', 'A week in a row', 'You have written on seven days in a row.'),
  ('one_month', 'en', 'A month in a row', 'You have written on thirty days in a row.'),
  ('questionnaire', 'en', 'Self-portrait', 'You have completed a questionnaire.'),
  ('first_account', 'en', 'Connected', 'You have linked an account.'),
  ('hundred_plays', 'en', 'A hundred plays', 'A hundred songs that you played are known here.'),
  ('remembered', 'en', 'Remembered', 'The companion remembers something that you told.'),
  ('first_message', 'bn', 'শুভেচ্ছা', 'আপনি প্রথম বার্তাটি লিখেছেন।'),
  ('hundred_messages', 'bn', 'একশো বার্তা', 'আপনি একশোটি বার্তা লিখেছেন।'),
  ('thousand_messages', 'bn', 'এক হাজার বার্তা', 'আপনি এক হাজারটি বার্তা লিখেছেন।'),
  ('three_days', 'bn', 'টানা তিন দিন', 'আপনি টানা তিন দিন লিখেছেন।'),
  ('one_week', 'bn', 'টানা এক সপ্তাহ', 'আপনি টানা সাত দিন লিখেছেন।'),
  ('one_month', 'bn', 'টানা এক মাস', 'আপনি টানা ত্রিশ দিন লিখেছেন।'),
  ('questionnaire', 'bn', 'আত্মপ্রতিকৃতি', 'আপনি একটি প্রশ্নমালা শেষ করেছেন।'),
  ('first_account', 'bn', 'সংযুক্ত', 'আপনি একটি অ্যাকাউন্ট যুক্ত করেছেন।'),
  ('hundred_plays', 'bn', 'একশো গান', 'আপনার শোনা একশোটি গান এখানে জানা আছে।'),
  ('remembered', 'bn', 'মনে আছে', 'আপনার বলা কিছু কথা সঙ্গীর মনে আছে।');

create function bondhu.language_of(of_user uuid) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select lower(split_part(replace(p.locale, '_', '-'), '-', 1)) from bondhu.people p where p.user_id = of_user);
end
$$;
comment on function bondhu.language_of(uuid) is 'The language in a user''s locale, as bn in bn-BD.';
revoke all on function bondhu.language_of(uuid) from public, anon, authenticated, service_role;
grant execute on function bondhu.language_of(uuid) to bondhu_worker;

create function bondhu.achievements_of(of_user uuid, longest_streak bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  most constant integer := 1000;
  most_quarters integer;
  quarters bigint;
  messages bigint;
  sessions bigint;
  assessments bigint;
  linked_accounts bigint;
  plays bigint;
  memories bigint;
  language constant text := bondhu.language_of(of_user);
begin
  -- Each quarter hour has a message at least, and mostly more: a few will do for who writes much.
  foreach most_quarters in array array[10, 100, most] loop
    select coalesce(sum(b.message_count), 0), count(*) into messages, quarters
    from (
      select s.message_count from public.sentiment_buckets s
      where s.user_id = of_user order by s.bucket_start desc limit most_quarters
    ) b;
    exit when messages >= most or quarters < most_quarters;
  end loop;
  -- Each counted once, up to what is asked for.
  select
    (select count(*) from (select from public.user_sessions s where s.user_id = of_user limit asked.sessions) s),
    (select count(*) from (
      select from public.assessments a where a.user_id = of_user and a.completed_at is not null limit asked.assessments) a),
    (select count(*) from public.provider_connections c where c.user_id = of_user and c.status <> 'disconnected'),
    (select count(*) from (select from public.listening_history h where h.user_id = of_user limit asked.plays) h),
    (select count(*) from (select from public.memories m where m.user_id = of_user limit asked.memories) m)
  into sessions, assessments, linked_accounts, plays, memories
  from (
    select coalesce(max(a.threshold) filter (where a.fact = 'sessions'), 0) as sessions,
      coalesce(max(a.threshold) filter (where a.fact = 'assessments'), 0) as assessments,
      coalesce(max(a.threshold) filter (where a.fact = 'plays'), 0) as plays,
      coalesce(max(a.threshold) filter (where a.fact = 'memories'), 0) as memories
    from bondhu.achievements a where a.is_enabled
  ) asked;
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', d.id, 'title', coalesce(own.title, english.title), 'description', coalesce(own.description, english.description),
        'fact', d.fact, 'threshold', d.threshold, 'value', least(d.value, d.threshold), 'is_reached', d.value >= d.threshold)
      order by d.place, d.id), '[]')
    from (
      select a.*, case a.fact
        when 'messages' then messages
        when 'longest_streak' then longest_streak
        when 'sessions' then sessions
        when 'assessments' then assessments
        when 'linked_accounts' then linked_accounts
        when 'plays' then plays
        when 'memories' then memories
      end as value
      from bondhu.achievements a where a.is_enabled
    ) d
    left join bondhu.achievement_texts own on own.achievement_id = d.id and own.locale = language
    left join bondhu.achievement_texts english on english.achievement_id = d.id and english.locale = 'en'
  );
end
$$;
comment on function bondhu.achievements_of(uuid, bigint) is
  'The achievements of a user, reached or not, in their language: [{id, title, description, fact, threshold, value, is_reached}]; value goes up to threshold.';

revoke all on function bondhu.achievements_of(uuid, bigint) from public, anon, authenticated, service_role;
