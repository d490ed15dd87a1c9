-- Reads for dashboards: what the caller listens to and watches, in their own time zone and
-- under row-level security.

create function bondhu.check_limit(max_rows integer) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if max_rows is null or max_rows not between 1 and 200 then
    raise exception using
      errcode = '22023',
      message = 'max_rows must be 1 to 200',
      hint = 'Ask for fewer rows, or page by the time of the last one.';
  end if;
end
$$;
comment on function bondhu.check_limit(integer) is '22023 unless 1 to 200.';
revoke all on function bondhu.check_limit(integer) from public, anon, authenticated, service_role;
grant execute on function bondhu.check_limit(integer) to authenticated;

create function public.recently_played(
  before timestamptz default 'infinity',
  max_rows integer default 50,
  before_cursor text default null
) returns table (
  played_at timestamptz, track_id text, track_name text, artist_names text[], duration_ms integer, cursor text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  before_track text;
begin
  perform bondhu.check_limit(max_rows);
  if before_cursor is not null then
    if char_length(before_cursor) > 1000 or before_cursor !~ '^[0-9a-f]{16}' then
      perform bondhu.refuse_cursor();
    end if;
    before := bondhu.cursor_to_instant(left(before_cursor, 16));
    before_track := substr(before_cursor, 17);
  end if;
  return query
    select h.played_at, h.track_id, h.track_name, h.artist_names, h.duration_ms,
      bondhu.instant_to_cursor(h.played_at) || h.track_id
    from public.listening_history h
    where h.user_id = (select bondhu.require_user())
      and h.played_at <= coalesce(before, 'infinity')
      and (h.played_at < coalesce(before, 'infinity') or h.track_id > before_track)
    order by h.played_at desc, h.track_id
    limit max_rows;
end
$$;
comment on function public.recently_played(timestamptz, integer, text) is
  'The caller''s plays before an instant, newest first; each with its cursor, an opaque string: pass that of the last row as before_cursor for the next page. max_rows 1 to 200.';

create function public.top_genres(max_rows integer default 10)
returns table (genre text, weight numeric, source text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.check_limit(max_rows);
  return query
    select listed.genre, listed.weight, m.provider
    from public.music_preferences m
    cross join lateral jsonb_to_recordset(m.top_genres) as listed (genre text, weight numeric)
    where m.user_id = (select bondhu.require_user())
    order by listed.weight desc, listed.genre, m.provider
    limit max_rows;
end
$$;
comment on function public.top_genres(integer) is
  'The caller''s genres, heaviest first, with the account they come from; weights are shares of that account''s genres, 0..1. max_rows 1 to 200.';

create function public.listening_stats(
  since timestamptz default now() - interval '30 days',
  until timestamptz default now()
) returns table (
  plays bigint, tracks bigint, artists bigint, listened_ms bigint,
  plays_by_hour bigint[], plays_by_weekday bigint[], gaps bigint
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := (select bondhu.require_user());
  zone text := bondhu.my_time_zone();
begin
  perform bondhu.check_range(since, until);
  return query
    with played as (
      select h.track_id, h.artist_names, h.duration_ms, h.played_at at time zone zone as local
      from public.listening_history h
      where h.user_id = caller and h.played_at >= since and h.played_at < until
    )
    select
      (select count(*) from played),
      (select count(distinct p.track_id) from played p),
      (select count(distinct name) from played p, unnest(p.artist_names) name),
      (select coalesce(sum(p.duration_ms), 0)::bigint from played p),
      (select array_agg((select count(*) from played p where extract(hour from p.local) = hour) order by hour)
       from generate_series(0, 23) hour),
      (select array_agg((select count(*) from played p where extract(isodow from p.local) = day) order by day)
       from generate_series(1, 7) day),
      (select count(*) from public.listening_gaps g
       where g.user_id = caller and g.after_play < until and g.before_play > since);
end
$$;
comment on function public.listening_stats(timestamptz, timestamptz) is
  'What the caller listened to from since (included) to until (excluded): counts, sum of the tracks'' lengths in ms, plays by local hour (0 to 23) and weekday (from Monday), and the number of gaps where plays may be missing.';

create function public.watching_stats()
returns table (
  subscriptions bigint, likes bigint, playlists bigint, top_categories jsonb, top_topics jsonb, recent_channels jsonb,
  computed_at timestamptz
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select v.subscription_count, v.like_count, v.playlist_count, v.top_categories, v.top_topics, v.recent_channels, v.computed_at
  from public.video_preferences v
  where v.user_id = (select bondhu.require_user())
$$;
comment on function public.watching_stats() is
  'Counts, favourites and latest subscriptions of the caller''s YouTube account, as of computed_at; no row without YouTube.';

revoke all on function public.recently_played(timestamptz, integer, text), public.top_genres(integer),
  public.listening_stats(timestamptz, timestamptz), public.watching_stats()
  from public, anon, authenticated, service_role;
grant execute on function public.recently_played(timestamptz, integer, text), public.top_genres(integer),
  public.listening_stats(timestamptz, timestamptz), public.watching_stats()
  to authenticated;
