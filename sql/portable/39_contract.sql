-- What the contract asks for; each replaces what an earlier version had. What others call runs as its owner: they may
-- read none of the tables.

create or replace function bondhu_portable.engine_version() returns integer
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as 'select {{VERSION}}';
comment on function bondhu_portable.engine_version() is 'Version of the scorer.';
revoke all on function bondhu_portable.engine_version() from public, anon, authenticated, service_role;

create or replace function bondhu_portable.reading(message_text text,
  out sentiment_score numeric, out mood text, out mood_confidence numeric, out support_level text, out engine_version integer)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  scored record;
begin
  scored := bondhu_portable.score_{{V}}(message_text);
  sentiment_score := scored.sentiment_score;
  mood := scored.mood;
  mood_confidence := scored.mood_confidence;
  support_level := scored.support_level;
  engine_version := {{VERSION}};
end
$$;
comment on function bondhu_portable.reading(text) is 'score(text) as one row: for triggers.';
revoke all on function bondhu_portable.reading(text) from public, anon, authenticated, service_role;

create or replace function bondhu_portable.score(message_text text)
returns table (sentiment_score numeric, mood text, mood_confidence numeric, support_level text, engine_version integer)
language plpgsql immutable strict parallel safe security definer rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
  scored record;
begin
  scored := bondhu_portable.score_{{V}}(message_text);
  sentiment_score := scored.sentiment_score;
  mood := scored.mood;
  mood_confidence := scored.mood_confidence;
  support_level := scored.support_level;
  engine_version := {{VERSION}};
  return next;
end
$$;
comment on function bondhu_portable.score(text) is
  'Reads a text: sentiment 0..1, mood and how clearly it shows 0..1, support level.';
revoke all on function bondhu_portable.score(text) from public, anon, authenticated, service_role;

create or replace function bondhu_portable.explain(message_text text) returns table (figure text, part text, weight numeric)
language plpgsql immutable strict parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query select * from bondhu_portable.explain_{{V}}(message_text);
end
$$;
comment on function bondhu_portable.explain(text) is
  'Why a text is read as it is: what each word, pair of words or the whole message added, in natural-log odds. figure is sentiment (above 0 towards good) or mood (towards the mood of the score); the strongest come first.';
revoke all on function bondhu_portable.explain(text) from public, anon, authenticated, service_role;
