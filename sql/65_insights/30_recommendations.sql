-- What to hear or watch next, out of what is a person's own. The worker gives points to candidates after each pull
-- (core/src/recommend); the order is settled here, by how they feel now and by what they said of earlier ones.

create table bondhu.recommendation_candidates (
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null,
  candidates jsonb not null,
  computed_at timestamptz not null default now(),

  primary key (user_id, kind),
  constraint candidates_kind_is_known check (kind in ('music', 'video')),
  constraint candidates_is_a_list check (jsonb_typeof(candidates) = 'array')
);
comment on table bondhu.recommendation_candidates is
  'Up to 120 tracks or videos of the person''s own with their points (MOST_CANDIDATES and Points of core/src/recommend/candidates.rs): [{item_id, name, maker, makers, played, listed, saved, of_maker, genre, rest, valence, energy, plays, days_since_play}]. Written in the transaction that writes the preferences, whose change is what the mirror hears of.';

create table public.recommendation_feedback (
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null,
  item_id text not null,
  maker text,
  feedback text not null,
  given_at timestamptz not null default now(),

  primary key (user_id, kind, item_id),
  constraint feedback_kind_is_known check (kind in ('music', 'video')),
  constraint feedback_is_known check (feedback in ('like', 'dismiss', 'played'))
);
comment on table public.recommendation_feedback is
  'What a person said of recommendations, or did with them, the newest of each: written by rate_recommendation(). At most 500 a kind; of videos for settings.video_retention_days, and no longer than there are candidates.';
comment on column public.recommendation_feedback.maker is 'The first artist''s name, or the channel''s id.';

alter table public.recommendation_feedback enable row level security;
revoke all on bondhu.recommendation_candidates, public.recommendation_feedback from public, anon, authenticated, service_role;
grant select on public.recommendation_feedback to authenticated, service_role;
grant select on public.recommendation_feedback to bondhu_worker;
grant select, insert, update, delete on bondhu.recommendation_candidates to bondhu_worker;

create policy "a user reads their own feedback" on public.recommendation_feedback
  for select to authenticated using (user_id = (select auth.uid()));
create policy "the worker reads feedback" on public.recommendation_feedback
  for select to bondhu_worker using (true);

-- Direction and Lean of core/src/recommend/ranking.rs.
create function bondhu.recommendation_leans()
returns table (direction text, moods text[], valence integer, energy integer, familiarity integer)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('even', array[]::text[], 0, 0, 0),
    ('bright', array['joy', 'love', 'grateful'], 80, 60, 0),
    ('gentle', array['sad', 'lonely', 'tired'], 40, -60, 60),
    ('quiet', array['angry', 'anxious', 'disgust'], 20, -90, 60),
    ('open', array['curious', 'surprise'], 0, 0, -90)
$$;
comment on function bondhu.recommendation_leans() is
  'Where moods lead to: points for what is as bright, as lively or as well known as can be; what is as little so loses them.';

create function bondhu.recommendation_direction(dominant_mood text, sentiment_trend text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select l.direction from bondhu.recommendation_leans() l where dominant_mood = any (l.moods)),
    case when sentiment_trend = 'falling' then 'gentle' else 'even' end)
$$;
comment on function bondhu.recommendation_direction(text, text) is
  'By the mood that dominates; where that tells nothing, by a trend that falls. Null is unknown.';

create function bondhu.rank_recommendations(of_user uuid, of_kind text, directions text[], max_rows integer)
returns table (
  direction text, place bigint, item_id text, name text, makers text[], plays integer, days_since_play integer,
  played integer, listed integer, saved integer, of_maker integer, genre integer, rest integer,
  mood integer, feedback integer, variety integer, score integer
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
    with said as materialized (
      select f.item_id, f.maker, f.feedback from public.recommendation_feedback f where f.user_id = of_user and f.kind = of_kind
    ),
    of_makers as materialized (
      select s.maker, greatest(-180, least(180,
        sum(case s.feedback when 'like' then 60 when 'dismiss' then -60 else 20 end))) as points
      from said s where s.maker is not null group by s.maker
    ),
    -- Read once, however many directions there are.
    candidates as materialized (
      select c.*,
        c.played + c.listed + c.saved + c.of_maker + c.genre + c.rest as own,
        (case s.feedback when 'like' then 150 when 'played' then -250 else 0 end + coalesce(m.points, 0))::integer as feedback
      from bondhu.recommendation_candidates r
      cross join lateral jsonb_to_recordset(r.candidates) as c (
        item_id text, name text, maker text, makers text[], plays integer, days_since_play integer,
        played integer, listed integer, saved integer, of_maker integer, genre integer, rest integer, valence integer, energy integer)
      left join said s on s.item_id = c.item_id
      left join of_makers m on m.maker = c.maker
      where r.user_id = of_user and r.kind = of_kind and s.feedback is distinct from 'dismiss'
    ),
    leaning as (
      select l.direction, c.*,
        round((l.valence * coalesce(c.valence - 500, 0) + l.energy * coalesce(c.energy - 500, 0)
          + l.familiarity * (least(1000, 2 * (c.played + c.listed)) - 500)) / 500.0)::integer as mood
      from candidates c
      join bondhu.recommendation_leans() l on l.direction = any (directions)
    ),
    varied as (
      select w.*,
        case when w.maker is null then 0 else -20 * (row_number() over (
          partition by w.direction, w.maker order by w.own + w.mood + w.feedback desc, w.item_id collate "C") - 1)::integer end as variety
      from leaning w
    ),
    placed as (
      select v.*, v.own + v.mood + v.feedback + v.variety as score,
        row_number() over (partition by v.direction order by v.own + v.mood + v.feedback + v.variety desc, v.item_id collate "C") as place
      from varied v
    )
    select p.direction, p.place, p.item_id, p.name, p.makers, p.plays, p.days_since_play, p.played, p.listed, p.saved, p.of_maker, p.genre, p.rest,
      p.mood, p.feedback, p.variety, p.score
    from placed p
    where p.place <= max_rows
    order by p.direction, p.place;
end
$$;
comment on function bondhu.rank_recommendations(uuid, text, text[], integer) is
  'A user''s candidates of a kind for each direction, in the order of core''s rank(), with where each place comes from; ties by item_id, byte by byte.';

create function bondhu.recommendation_reasons() returns table (reason text, kind text, locale text, words text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  values
    ('played', 'music', 'en', 'Played by you in the last half year: %s×.'),
    ('played', 'music', 'bn', 'গত ছয় মাসে আপনি শুনেছেন: %s বার।'),
    ('played', 'video', 'en', 'You liked it.'),
    ('played', 'video', 'bn', 'এটা আপনার ভালো লেগেছে।'),
    ('listed', 'music', 'en', 'It is among your favourites.'),
    ('listed', 'music', 'bn', 'এটা আপনার প্রিয়দের একটি।'),
    ('saved', 'music', 'en', 'You saved it.'),
    ('saved', 'music', 'bn', 'এটা আপনি রেখে দিয়েছেন।'),
    ('saved', 'video', 'en', 'You kept it.'),
    ('saved', 'video', 'bn', 'এটা আপনি রেখে দিয়েছেন।'),
    ('of_maker', 'music', 'en', 'You listen to %s.'),
    ('of_maker', 'music', 'bn', 'আপনি %s শোনেন।'),
    ('of_maker', 'video', 'en', 'You watch %s.'),
    ('of_maker', 'video', 'bn', 'আপনি %s দেখেন।'),
    ('genre', 'music', 'en', 'It is of a genre you love.'),
    ('genre', 'music', 'bn', 'এটা আপনার প্রিয় ধারার।'),
    ('genre', 'video', 'en', 'It is about something you love.'),
    ('genre', 'video', 'bn', 'এটা আপনার প্রিয় বিষয়ের।'),
    ('rest', 'music', 'en', 'You have not heard it for %s days.'),
    ('rest', 'music', 'bn', 'এটা আপনি %s দিন শোনেননি।'),
    ('waiting', 'music', 'en', 'You saved it and have not played it lately.'),
    ('waiting', 'music', 'bn', 'এটা রেখে দিয়েছেন, সম্প্রতি শোনেননি।'),
    ('waiting', 'video', 'en', 'It waits in your list.'),
    ('waiting', 'video', 'bn', 'এটা আপনার তালিকায় অপেক্ষা করছে।'),
    ('mood', 'music', 'en', 'It suits how you feel now.'),
    ('mood', 'music', 'bn', 'আপনার এখনকার মনের সঙ্গে এটা মানায়।'),
    ('mood', 'video', 'en', 'It suits how you feel now.'),
    ('mood', 'video', 'bn', 'আপনার এখনকার মনের সঙ্গে এটা মানায়।'),
    ('feedback', 'music', 'en', 'You liked this, or more of the same.'),
    ('feedback', 'music', 'bn', 'এটা বা এমন কিছু আপনার ভালো লেগেছে।'),
    ('feedback', 'video', 'en', 'You liked this, or more of the same.'),
    ('feedback', 'video', 'bn', 'এটা বা এমন কিছু আপনার ভালো লেগেছে।')
$$;
comment on function bondhu.recommendation_reasons() is
  'Reasons in words; %s is the figure. played, listed, saved, of_maker, genre, mood and feedback are what most points are for; rest is what rested, waiting what was kept and never taken up.';

create function bondhu.recommended_items(of_user uuid, of_kind text, directions text[], max_rows integer)
returns table (direction text, items jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  language constant text := bondhu.language_of(of_user);
begin
  return query
    with words as materialized (
      select distinct on (t.reason) t.reason, t.words
      from bondhu.recommendation_reasons() t
      where t.kind = of_kind and t.locale in (language, 'en')
      order by t.reason, t.locale = 'en'
    ),
    reasoned as materialized (
      select r.*, (
        -- What carries it most; what sets it apart from the person's other favourites comes first.
        select o.reason from (values
          (1, 'feedback', r.feedback), (2, 'mood', 2 * r.mood),
          (3, case when r.plays > 0 then 'rest' else 'waiting' end, 4 * case when r.plays > 0 and r.days_since_play is null then 0 else r.rest end),
          (4, 'played', r.played), (5, 'listed', r.listed), (6, 'of_maker', r.of_maker), (7, 'saved', r.saved), (8, 'genre', r.genre)
        ) o (place, reason, points)
        order by o.points desc, o.place
        limit 1
      ) as reason
      from bondhu.rank_recommendations(of_user, of_kind, directions, max_rows) r
    )
    select r.direction, jsonb_agg(jsonb_build_object(
      'item_id', r.item_id, 'name', r.name, 'makers', to_jsonb(r.makers), 'score', r.score,
      'reason', r.reason,
      'reason_text', format(w.words,
        case r.reason when 'played' then r.plays::text when 'rest' then r.days_since_play::text when 'of_maker' then coalesce(r.makers[1], '–') end),
      'points', jsonb_build_object('played', r.played, 'listed', r.listed, 'saved', r.saved, 'of_maker', r.of_maker, 'genre', r.genre,
        'rest', r.rest, 'mood', r.mood, 'feedback', r.feedback, 'variety', r.variety),
      'plays', r.plays, 'days_since_play', r.days_since_play) order by r.place)
    from reasoned r
    left join words w on w.reason = r.reason
    group by r.direction;
end
$$;
comment on function bondhu.recommended_items(uuid, text, text[], integer) is
  'The best of rank_recommendations() as clients are shown them, in the user''s language or in English: [{item_id, name, makers, score, reason, reason_text, points, plays, days_since_play}]. No row for a direction without any.';

create function bondhu.recommendation_state(of_user uuid, of_kind text, out state text, out computed_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  few constant integer := 10;
  found_count integer;
begin
  if not (select s.enabled from bondhu.provider_settings s where s.provider = case of_kind when 'music' then 'spotify' else 'youtube' end) then
    state := 'provider_off';
    return;
  end if;
  select (
      select count(*) from jsonb_array_elements(r.candidates) c
      where not exists (
        select from public.recommendation_feedback f
        where f.user_id = of_user and f.kind = of_kind and f.item_id = c ->> 'item_id' and f.feedback = 'dismiss')), r.computed_at
  into found_count, computed_at
  from bondhu.recommendation_candidates r where r.user_id = of_user and r.kind = of_kind;
  state := case when found_count is null or found_count = 0 then 'nothing_yet' when found_count < few then 'few' else 'ready' end;
end
$$;
comment on function bondhu.recommendation_state(uuid, text) is
  'provider_off: the operator has closed the account''s provider; nothing_yet: no account is linked, or it has brought nothing that was not dismissed; few: fewer than ten things to choose from; ready.';

create function bondhu.check_recommendation_kind(kind text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if kind is null or kind not in ('music', 'video') then
    raise exception using errcode = '22023', message = 'there is no such kind of recommendations', hint = 'There are: music, video.';
  end if;
end
$$;
comment on function bondhu.check_recommendation_kind(text) is '22023 unless music or video.';

-- SECURITY DEFINER, as those below: candidates are the worker's, and feedback is written in no other way. Only
-- the caller's own rows are touched.
create function public.recommendations(kind text, max_rows integer default 20) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller constant uuid := bondhu.require_user();
  standing record;
  feeling record;
  direction text := 'even';
begin
  perform bondhu.check_recommendation_kind(kind);
  perform bondhu.check_limit(max_rows);
  standing := bondhu.recommendation_state(caller, kind);
  if bondhu.engine() is not null then
    select p.dominant_mood, p.sentiment_trend into feeling from bondhu.personality(array[caller], now()) p;
    direction := bondhu.recommendation_direction(feeling.dominant_mood, feeling.sentiment_trend);
  end if;
  return jsonb_build_object(
    'kind', kind, 'state', standing.state, 'computed_at', standing.computed_at, 'direction', direction,
    'items', case when standing.state in ('few', 'ready') then coalesce((
      select i.items from bondhu.recommended_items(caller, kind, array[direction], max_rows) i), '[]') else '[]' end);
end
$$;
comment on function public.recommendations(text, integer) is
  'Music or video out of the caller''s own: by taste, by how they feel now (direction), by how long it has rested, varied over artists and channels, each with its reason in words and points. state: ready; few; nothing_yet, without a linked account or before it brought something that is not dismissed; provider_off. max_rows 1 to 200.';

create function public.rate_recommendation(kind text, item_id text, feedback text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller constant uuid := bondhu.lock_user(alone => false);
  said constant text := rate_recommendation.feedback;
  of_kind constant text := rate_recommendation.kind;
  of_item constant text := rate_recommendation.item_id;
  most constant integer := 500;
  candidate record;
begin
  perform bondhu.check_recommendation_kind(of_kind);
  if of_item is null or octet_length(of_item) > 255 then
    raise exception using errcode = '22023', message = 'item_id is none that there could be', hint = 'Send an item_id that recommendations() has returned lately.';
  end if;
  if said is not null and said not in ('like', 'dismiss', 'played') then
    raise exception using errcode = '22023', message = 'there is no such feedback', hint = 'There are: like, dismiss, played; leave it out to take back what was said.';
  end if;
  if said is null then
    delete from public.recommendation_feedback f where f.user_id = caller and f.kind = of_kind and f.item_id = of_item;
    return;
  end if;
  select c.maker into candidate
  from bondhu.recommendation_candidates r
  cross join lateral jsonb_to_recordset(r.candidates) as c (item_id text, maker text)
  where r.user_id = caller and r.kind = of_kind and c.item_id = of_item;
  if not found then
    -- What was said before the last pull may be said otherwise.
    select f.maker into candidate from public.recommendation_feedback f
    where f.user_id = caller and f.kind = of_kind and f.item_id = of_item;
  end if;
  if not found then
    raise exception using errcode = 'P0002', message = 'it is none of your recommendations', hint = 'Send an item_id that recommendations() has returned lately.';
  end if;
  insert into public.recommendation_feedback as f (user_id, kind, item_id, maker, feedback)
  values (caller, of_kind, of_item, candidate.maker, said)
  on conflict (user_id, kind, item_id) do update set maker = excluded.maker, feedback = excluded.feedback, given_at = excluded.given_at;
  delete from public.recommendation_feedback f
  where f.user_id = caller and f.kind = of_kind and f.item_id in (
    select o.item_id from public.recommendation_feedback o
    where o.user_id = caller and o.kind = of_kind
    order by o.given_at desc, o.item_id offset most);
end
$$;
comment on function public.rate_recommendation(text, text, text) is
  'What the caller says of a recommendation: like, dismiss (it is recommended no more), played (it is had for now); without one it is taken back. It moves the thing and its artist or channel within bounds, at once. P0002 for what is not among their candidates.';

create function public.reset_recommendations(kind text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  caller constant uuid := bondhu.lock_user(alone => false);
  of_kind constant text := reset_recommendations.kind;
begin
  if of_kind is not null then
    perform bondhu.check_recommendation_kind(of_kind);
  end if;
  delete from public.recommendation_feedback f where f.user_id = caller and f.kind = coalesce(of_kind, f.kind);
end
$$;
comment on function public.reset_recommendations(text) is 'Forgets all feedback of the caller, of one kind or of both.';

create function bondhu.recommendations_document(user_ids uuid[], as_of timestamptz)
returns table (user_id uuid, data json, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select p.user_id, (
      select jsonb_object_agg(r.kind, jsonb_build_object('state', standing.state, 'computed_at', standing.computed_at, 'by_direction',
          case when standing.state in ('few', 'ready') then (
            select jsonb_object_agg(i.direction, i.items)
            from bondhu.recommended_items(p.user_id, r.kind, array['even', 'bright', 'gentle', 'quiet', 'open'], 10) i) end))
        || jsonb_build_object('directions', (
          select jsonb_object_agg(m.mood, l.direction) from bondhu.recommendation_leans() l cross join lateral unnest(l.moods) m (mood)))
      from bondhu.recommendation_candidates r
      cross join lateral bondhu.recommendation_state(r.user_id, r.kind) standing
      where r.user_id = p.user_id
    )::json, null::timestamptz
    from unnest(user_ids) wanted (id)
    join bondhu.people p on p.user_id = wanted.id
    where as_of is not null;
end
$$;
comment on function bondhu.recommendations_document(uuid[], timestamptz) is
  'Redis document recommendations: by kind and direction the ten best, and which mood leads to which direction (of others: even, or gentle while the trend is falling), so that it does not change with each message; null data for a user without candidates.';

revoke all on function bondhu.recommendation_leans(), bondhu.recommendation_direction(text, text),
  bondhu.rank_recommendations(uuid, text, text[], integer), bondhu.recommendation_reasons(),
  bondhu.recommended_items(uuid, text, text[], integer), bondhu.recommendation_state(uuid, text),
  bondhu.check_recommendation_kind(text), bondhu.recommendations_document(uuid[], timestamptz),
  public.recommendations(text, integer), public.rate_recommendation(text, text, text), public.reset_recommendations(text)
  from public, anon, authenticated, service_role;
grant execute on function bondhu.recommendation_leans(), bondhu.rank_recommendations(uuid, text, text[], integer),
  bondhu.recommendation_reasons(), bondhu.recommended_items(uuid, text, text[], integer),
  bondhu.recommendation_state(uuid, text), bondhu.recommendations_document(uuid[], timestamptz)
  to bondhu_worker;
grant execute on function public.recommendations(text, integer), public.rate_recommendation(text, text, text),
  public.reset_recommendations(text) to authenticated;
