-- Wellness day by day: a heuristic for a chart, no diagnosis. A day is recorded within an hour of its
-- end and is derived data: a message that is imported, edited or deleted later changes it in the same
-- transaction.

create table public.wellness_days (
  -- References the profile, whose row every writer has locked.
  user_id uuid not null references public.personality_profiles (user_id) on delete cascade,
  day date not null,
  message_count bigint not null,
  active_days bigint not null,
  score numeric(5, 2),
  mean numeric(5, 2),
  trend numeric(5, 2),
  stability numeric(5, 2),
  engagement numeric(5, 2) not null,

  primary key (user_id, day)
);
comment on table public.wellness_days is
  'Wellness (0..100) of the seven days that end with a day of the user''s own time zone. A heuristic, no diagnosis. No row for a week without messages.';
comment on column public.wellness_days.message_count is 'Scored messages of the seven days.';
comment on column public.wellness_days.active_days is 'Days of the seven with messages.';
comment on column public.wellness_days.score is 'From mean, trend and stability; null with fewer than settings.min_messages messages.';
comment on column public.wellness_days.mean is 'Mean sentiment × 100.';
comment on column public.wellness_days.trend is 'Against the seven days before: 50 is no change. Null when those had too few messages.';
comment on column public.wellness_days.stability is '100 when all scores are equal, lower the more they differ.';
comment on column public.wellness_days.engagement is 'From active days and message count, whatever the sentiment. Not part of the score.';

alter table public.wellness_days enable row level security;
revoke all on public.wellness_days from public, anon, authenticated, service_role;
grant select on public.wellness_days to authenticated, service_role;

create policy "a user reads their own wellness" on public.wellness_days
  for select to authenticated using (user_id = (select auth.uid()));

-- The days of a user that are recorded and kept; first > last when there are none.
create function bondhu.recorded_days(user_id uuid, out first_day date, out last_day date)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  zone text := (select u.time_zone from bondhu.people u where u.user_id = $1);
  until timestamptz := (select p.wellness_until from public.personality_profiles p where p.user_id = $1);
begin
  first_day := (now() at time zone zone)::date - (select wellness_retention_days from bondhu.settings);
  last_day := coalesce((until at time zone zone)::date - 1, '-infinity');
end
$$;

create function bondhu.write_wellness(user_id uuid, first_day date, last_day date) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.wellness_days w where w.user_id = $1 and w.day between $2 and $3;
  if $2 <= $3 then
    insert into public.wellness_days select $1, w.* from bondhu.wellness($1, $2, $3) w;
  end if;
end
$$;

create function bondhu.refresh_wellness(user_id uuid, since timestamptz, through timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  zone text := (select u.time_zone from bondhu.people u where u.user_id = $1);
  kept record := bondhu.recorded_days($1);
begin
  perform bondhu.write_wellness($1,
    greatest((since at time zone zone)::date, kept.first_day), least((through at time zone zone)::date, kept.last_day));
end
$$;
comment on function bondhu.refresh_wellness(uuid, timestamptz, timestamptz) is
  'Recomputes the recorded days between two instants; called by the engine when a message in them changed.';

create function bondhu.recompute_wellness(user_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  kept record := bondhu.recorded_days($1);
begin
  perform bondhu.write_wellness($1, kept.first_day, kept.last_day);
end
$$;
comment on function bondhu.recompute_wellness(uuid) is 'Recomputes all recorded days of a user.';

create function bondhu.record_wellness_of(user_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  zone text := (select u.time_zone from bondhu.people u where u.user_id = $1);
  today date := (now() at time zone zone)::date;
  kept record;
  first_day date;
begin
  perform from public.personality_profiles p where p.user_id = $1 for no key update;
  kept := bondhu.recorded_days($1);
  first_day := greatest(kept.first_day, kept.last_day + 1, (
    select (min(b.bucket_start) at time zone zone)::date from public.sentiment_buckets b where b.user_id = $1
  ));
  if first_day < today then
    perform bondhu.write_wellness($1, first_day, today - 1);
    update public.personality_profiles p set wellness_until = today::timestamp at time zone zone where p.user_id = $1;
  end if;
end
$$;
comment on function bondhu.record_wellness_of(uuid) is 'Records the days of a user that have ended.';

create function bondhu.record_wellness(batch integer default 1000) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  due uuid[];
begin
  if bondhu.engine() is null then
    return 0;
  end if;
  select coalesce(array_agg(id order by id), '{}') into due
  from (
    select p.user_id as id
    from public.personality_profiles p
    join bondhu.people u on u.user_id = p.user_id
    where (p.wellness_until is null or p.wellness_until < date_trunc('day', now(), u.time_zone))
      -- A week without messages has no row.
      and exists (
        select from public.sentiment_buckets b
        where b.user_id = p.user_id and b.bucket_start >= coalesce(p.wellness_until, '-infinity') - interval '8 days'
      )
    order by p.wellness_until nulls first
    limit batch
    for no key update of p skip locked
  ) locked;
  perform bondhu.record_wellness_of(id) from unnest(due) id;
  return cardinality(due);
end
$$;
comment on function bondhu.record_wellness(integer) is
  'Records the days that have ended of up to `batch` users, those waiting longest first; returns the number of users. Run by cron throughout the day, since days end at different times in different time zones.';

create function bondhu.wellness_differences(of_user uuid)
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  kept record := bondhu.recorded_days($1);
begin
  if kept.first_day > kept.last_day or bondhu.is_outdated($1) then
    return;
  end if;
  return query
    select $1, 'wellness_days', coalesce(s.day, r.day)::text, s.figures, r.figures
    from (
      select w.day, (w.message_count, w.active_days, w.score, w.mean, w.trend, w.stability, w.engagement)::text as figures
      from public.wellness_days w
      where w.user_id = $1 and w.day between kept.first_day and kept.last_day
    ) s
    full join (
      select w.day, (w.message_count, w.active_days, w.score, w.mean, w.trend, w.stability, w.engagement)::text as figures
      from bondhu.wellness($1, kept.first_day, kept.last_day) w
    ) r on r.day = s.day
    where s.figures is distinct from r.figures;
end
$$;
comment on function bondhu.wellness_differences(uuid) is 'bondhu.verify() for the recorded days of a user.';

-- SECURITY DEFINER: it runs as the user who changes their time zone, who has no rights here.
create function bondhu.recompute_wellness_in_time_zone() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  person uuid;
begin
  if bondhu.engine() is null then
    return null;
  end if;
  -- Without a row a user's days are those of UTC, as in bondhu.people. OLD and NEW are null where there is none.
  for person in
    select u.id
    from auth.users u
    where u.id in (old.user_id, new.user_id)
      and case when u.id = old.user_id then old.time_zone else 'UTC' end
        <> case when u.id = new.user_id then new.time_zone else 'UTC' end
    order by u.id
  loop
    update public.personality_profiles p set wellness_until = null where p.user_id = person;
    delete from public.wellness_days w where w.user_id = person;
    perform bondhu.record_wellness_of(person);
  end loop;
  return null;
end
$$;
comment on function bondhu.recompute_wellness_in_time_zone() is
  'AFTER trigger on companion_profiles: recomputes the recorded days of users whose time zone changed, also because a row was inserted, deleted or given to another user. Deleted users have no days.';

create trigger companion_profiles_recompute_wellness_in_time_zone after insert or delete or update of user_id, time_zone on public.companion_profiles
  for each row execute function bondhu.recompute_wellness_in_time_zone();

revoke all on function bondhu.recorded_days(uuid), bondhu.write_wellness(uuid, date, date),
  bondhu.refresh_wellness(uuid, timestamptz, timestamptz), bondhu.recompute_wellness(uuid), bondhu.record_wellness_of(uuid),
  bondhu.record_wellness(integer), bondhu.wellness_differences(uuid), bondhu.recompute_wellness_in_time_zone()
  from public, anon, authenticated, service_role;
grant execute on function bondhu.record_wellness(integer) to service_role;
