-- What is concluded of people's own hours and days.

-- The buckets of a user's local days, from the first to the last of them.
create function bondhu_portable.local_buckets(of_user uuid, first_day date, last_day date,
  out day date, out hour integer, out n bigint, out total bigint) returns setof record
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select (b.bucket_start at time zone u.time_zone)::date, extract(hour from b.bucket_start at time zone u.time_zone)::integer,
      sum(b.message_count)::bigint, sum(b.score_sum)::bigint
    from bondhu.people u
    -- Where clocks go back at one in the morning midnight comes twice, and Postgres knows the second:
    -- the day decides, this only has to be wide enough.
    cross join lateral bondhu.buckets(u.user_id,
      (first_day - 1)::timestamp at time zone u.time_zone, (last_day + 2)::timestamp at time zone u.time_zone) b
    where u.user_id = of_user
      and (b.bucket_start at time zone u.time_zone)::date between first_day and last_day
    group by 1, 2;
end
$$;
comment on function bondhu_portable.local_buckets(uuid, date, date) is 'A user''s messages by hour of their own days.';

create function bondhu_portable.patterns(user_ids uuid[], as_of timestamptz)
returns table (
  user_id uuid, time_zone text, hour_counts bigint[], hour_means numeric[], weekday_counts bigint[], weekday_means numeric[],
  inertia numeric, current_streak bigint, longest_streak bigint
)
language plpgsql stable strict security definer rows 1
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  instant constant timestamptz := greatest(least(as_of, '8712-01-01 00:00+00'), '4713-01-01 00:00+00 BC');
  id uuid;
  today date;
  cells record;
  pairs record;
  streaks record;
  shared numeric;
  spread_x numeric;
  spread_y numeric;
  root numeric;
begin
  foreach id in array user_ids loop
    select u.time_zone, (instant at time zone u.time_zone)::date into time_zone, today from bondhu.people u where u.user_id = id;
    continue when not found;
    user_id := id;

    with cells as materialized (
      select c.* from bondhu_portable.local_buckets(id, today - {{last age}}, today) c where c.n > 0
    ), hours as (
      select h.hour, coalesce(sum(c.n), 0)::bigint as n, sum(c.total) as total
      from generate_series(0, 23) h (hour) left join cells c on c.hour = h.hour group by h.hour
    ), weekdays as (
      select w.weekday, coalesce(sum(c.n), 0)::bigint as n, sum(c.total) as total
      from generate_series(1, 7) w (weekday) left join cells c on extract(isodow from c.day) = w.weekday group by w.weekday
    ), days as (
      -- Daily means are rounded to ten-thousandths first.
      select c.day, div(200 * sum(c.total) + sum(c.n), 2 * sum(c.n)) as mean from cells c group by c.day
    ), neighbours as (
      select d.mean as x, next.mean as y from days d join days next on next.day = d.day + 1
    ), runs as (
      select count(*) as length, max(r.day) as last_day
      from (select d.day, d.day - (row_number() over (order by d.day))::integer as began from days d) r group by r.began
    )
    select
      (select array_agg(h.n order by h.hour) from hours h) as hour_counts,
      (select array_agg(div(200 * h.total + h.n, 2 * nullif(h.n, 0)) * 0.0001 order by h.hour) from hours h) as hour_means,
      (select array_agg(w.n order by w.weekday) from weekdays w) as weekday_counts,
      (select array_agg(div(200 * w.total + w.n, 2 * nullif(w.n, 0)) * 0.0001 order by w.weekday) from weekdays w) as weekday_means,
      p.n, p.n * p.xx - p.x * p.x as spread_x, p.n * p.yy - p.y * p.y as spread_y, p.n * p.xy - p.x * p.y as shared,
      (select coalesce(max(r.length), 0) from runs r where r.last_day >= today - 1) as current_streak,
      (select coalesce(max(r.length), 0) from runs r) as longest_streak
    into cells
    from (
      select count(*)::numeric as n, sum(k.x) as x, sum(k.y) as y, sum(k.x * k.x) as xx, sum(k.y * k.y) as yy, sum(k.x * k.y) as xy
      from neighbours k
    ) p;
    hour_counts := cells.hour_counts;
    hour_means := cells.hour_means;
    weekday_counts := cells.weekday_counts;
    weekday_means := cells.weekday_means;
    current_streak := cells.current_streak;
    longest_streak := cells.longest_streak;
    inertia := null;
    if cells.n >= {{least pairs}} and cells.spread_x <> 0 and cells.spread_y <> 0 then
      shared := cells.shared * cells.shared * {{whole}} * {{whole}};
      spread_x := cells.spread_x * cells.spread_y;
      root := trunc(sqrt(div(shared, spread_x)));
      if 4 * shared >= spread_x * (2 * root + 1) * (2 * root + 1) and shared > 0 then
        root := root + 1;
      end if;
      inertia := root * sign(cells.shared) * 0.0001;
    end if;
    return next;
  end loop;
end
$$;
comment on function bondhu_portable.patterns(uuid[], timestamptz) is
  'When people write, how they feel then, how their days hang together: the trait horizon that ends on their own day of an instant.';

create function bondhu_portable.wellness(user_id uuid, first_day date, last_day date)
returns table (
  day date, message_count bigint, active_days bigint, score numeric, mean numeric, trend numeric, stability numeric, engagement numeric
)
language plpgsql stable strict security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  least_messages constant integer := (select greatest(x.min_messages, 2) from bondhu_portable.settings() x);
  week record;
  spread numeric;
  pairs numeric;
  root numeric;
begin
  for week in
    -- A day counts for the week that it begins, and for the one after as the week before.
    select (d.day + age.days) as day,
      sum(d.n) filter (where age.days < {{week}}) as n,
      sum(d.total) filter (where age.days < {{week}}) as total,
      sum(d.squares) filter (where age.days < {{week}}) as squares,
      count(*) filter (where age.days < {{week}}) as active_days,
      coalesce(sum(d.n) filter (where age.days >= {{week}}), 0) as former_n,
      coalesce(sum(d.total) filter (where age.days >= {{week}}), 0) as former_total
    from (
      select s.day, s.message_count as n, s.score_sum as total, s.score_sum_squares as squares
      from bondhu.sums_of_days($1, first_day - {{before first day}}, last_day) s
    ) d
    cross join generate_series(0, 2 * {{week}} - 1) age (days)
    where d.day + age.days between first_day and last_day
    group by 1
    having count(*) filter (where age.days < {{week}}) > 0
    order by 1
  loop
    day := week.day;
    message_count := week.n;
    active_days := week.active_days;
    score := null;
    mean := null;
    trend := null;
    stability := null;
    if week.n >= least_messages then
      mean := {{round week.total * {{whole}} / 100 * week.n}};
      spread := week.n * week.squares - week.total * week.total;
      pairs := week.n * (week.n - 1);
      root := trunc(sqrt(div(greatest({{whole}} * spread, 0), pairs)));
      if 4 * {{whole}} * spread >= pairs * (2 * root + 1) * (2 * root + 1) then
        root := root + 1;
      end if;
      stability := greatest(0, least({{whole}}, {{whole}} - {{round root * {{whole}} / {{stability scale}}}}));
      if week.former_n >= least_messages then
        trend := greatest(0, least({{whole}}, {{half}} + {{round (week.total * week.former_n - week.former_total * week.n) * {{half}} / {{trend scale}} * week.n * week.former_n}}));
        score := {{round mean * {{mean weight}} + stability * {{stability weight}} + trend * {{trend weight}} / {{mean weight}} + {{stability weight}} + {{trend weight}}}};
      else
        score := {{round mean * {{mean weight}} + stability * {{stability weight}} / {{mean weight}} + {{stability weight}}}};
      end if;
    end if;
    engagement := least({{whole}}, {{round week.active_days * {{whole}} / {{week}}}}) * {{days weight}}
      + least({{whole}}, {{round week.n * {{whole}} / {{full messages}}}}) * (100 - {{days weight}});
    engagement := {{round engagement / 100}} * 0.01;
    score := score * 0.01;
    mean := mean * 0.01;
    trend := trend * 0.01;
    stability := stability * 0.01;
    return next;
  end loop;
end
$$;
comment on function bondhu_portable.wellness(uuid, date, date) is 'Wellness of the weeks that end with a user''s own days: a heuristic, no diagnosis.';

revoke all on function bondhu_portable.local_buckets(uuid, date, date), bondhu_portable.patterns(uuid[], timestamptz),
  bondhu_portable.wellness(uuid, date, date) from public, anon, authenticated, service_role;
