-- From features to a score, as core/src/score/sums.rs, model.rs, readout.rs and explain.rs do it.

create function bondhu_portable.outputs_{{V}}(features bigint[], words integer, grams integer) returns bigint[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  factors constant integer[] := {{FACTORS words grams}};
  heads constant integer[] := bondhu_portable.heads_{{V}}();
  sums bigint[] := array_fill(0::bigint, array[16]);
  lanes record;
  factor bigint;
begin
  -- Rows of one factor come together four heads to a number, 16 bits wide: so many that these hold.
  for lanes in
    select r.class, sum(r.multiple) as budget,
      sum((r.low & {{LANES}}) * r.multiple)::bigint as a, sum(((r.low >> 8) & {{LANES}}) * r.multiple)::bigint as b,
      sum((r.high & {{LANES}}) * r.multiple)::bigint as c, sum(((r.high >> 8) & {{LANES}}) * r.multiple)::bigint as d
    from (
      select f.class, f.multiple, f.part, (bondhu_portable.weights_low_{{V}}())[f.place] as low, (bondhu_portable.weights_high_{{V}}())[f.place] as high
      from (
        select case when i.class < 64 then i.class else 64 end as class, case when i.class < 64 then 1 else i.class & 31 end as multiple,
          i.number / case when i.class < 64 then 112 else 7 end as part, i.id & 65535 as tag, {{WEIGHT_PLACE i.id}} as place
        from (
          select (u.feature >> 32)::integer & 255 as class, u.feature & 4294967295 as id, u.number
          from unnest(features) with ordinality u (feature, number)
        ) i
        offset 0
      ) f
      where (bondhu_portable.weight_tags_{{V}}())[f.place] = f.tag - 32768
      offset 0
    ) r
    group by r.class, r.part
  loop
    factor := factors[(lanes.class >> 5) + 1] * case when lanes.class < 64 then lanes.class & 31 else 1 end;
    sums := array[{{UNPACKED}}];
  end loop;
  for head in 1..16 loop
    sums[head] := heads[head + 16] + (((sums[head] >> 12) * heads[head]) >> 16);
  end loop;
  return sums;
end
$$;
comment on function bondhu_portable.outputs_{{V}}(bigint[], integer, integer) is 'The model''s outputs, in 2⁻¹².';
{{HIDE outputs bigint[], integer, integer}}

create function bondhu_portable.scored_{{V}}(outputs bigint[], support integer,
  out sentiment_score numeric, out mood text, out mood_confidence numeric, out support_level text)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  most constant bigint := greatest({{MOOD_OUTPUTS}});
  best constant integer := array_position(outputs, most, 4);
  top constant bigint := greatest(outputs[1], outputs[2], 0);
  least_sentiment integer;
  greatest_sentiment integer;
  x bigint;
  f bigint;
  -- Exponentials, of the classes and then of the moods.
  powers bigint[] := '{}';
  shares bigint := 0;
  sentiment integer;
  confidence integer;
begin
  if top = 0 then
    least_sentiment := {{NEGATIVE_UP_TO}} + 1;
    greatest_sentiment := {{POSITIVE_FROM}} - 1;
  elsif outputs[2] > outputs[1] then
    least_sentiment := {{POSITIVE_FROM}};
    greatest_sentiment := 100;
  else
    least_sentiment := 0;
    greatest_sentiment := {{NEGATIVE_UP_TO}};
  end if;
  -- Of 2⁻¹² units up to 0, in 2⁻¹⁶.
  for at in 1..16 loop
    x := greatest(case when at > 3 then outputs[at] - most when at < 3 then outputs[at] - top else -top end, -65536) * 94548 >> 12;
    f := x & 65535;
    powers[at] := greatest((65536 + ((f * (45554 + ((f * (14916 + ((f * 5066) >> 16))) >> 16))) >> 16)) >> (-(x >> 16))::integer, 1);
    if at > 3 then
      shares := shares + powers[at];
    end if;
  end loop;
  -- A shift rounds down, as what it stands for does.
  sentiment := 50 + (({{REACH}} * (3 * ((powers[2] - powers[1]) * 4096 / (powers[1] + powers[2] + powers[3])) / 8
    + greatest(least(outputs[3], 4096), -4096)) + 2048) >> 12);
  sentiment := greatest(least(sentiment, greatest_sentiment), least_sentiment);
  confidence := 100 * 65536 / shares;
  mood := (array[{{MOODS}}])[best - 3];

  -- Words can call "better off without me" positive: whoever is in crisis is not well.
  if support = 2 then
    sentiment := least(sentiment, {{CRISIS_CEILING}});
    if mood not in ('sad', 'lonely', 'anxious', 'angry', 'tired') then
      mood := 'sad';
      confidence := {{CRISIS_CONFIDENCE}};
    end if;
  end if;
  sentiment_score := sentiment * 0.01;
  mood_confidence := confidence * 0.01;
  support_level := (array['none', 'support', 'crisis'])[support + 1];
end
$$;
comment on function bondhu_portable.scored_{{V}}(bigint[], integer) is 'The score that the model''s outputs stand for.';
{{HIDE scored bigint[], integer}}

create function bondhu_portable.score_{{V}}(message text,
  out sentiment_score numeric, out mood text, out mood_confidence numeric, out support_level text)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  tokens record;
  features record;
  scored record;
begin
  tokens := bondhu_portable.tokens_{{V}}(message);
  features := bondhu_portable.features_{{V}}(
    tokens.chars, tokens.starts, tokens.ends, tokens.hashes, tokens.marks, tokens.valences);
  scored := bondhu_portable.scored_{{V}}(
    bondhu_portable.outputs_{{V}}(features.list, features.words, features.grams),
    case when tokens.seen & {{IS_RARE}} <> 0 then bondhu_portable.support_{{V}}(tokens.words, tokens.marks) else 0 end);
  sentiment_score := scored.sentiment_score;
  mood := scored.mood;
  mood_confidence := scored.mood_confidence;
  support_level := scored.support_level;
end
$$;
comment on function bondhu_portable.score_{{V}}(text) is 'score(text) of this version, as one row: for triggers.';
{{HIDE score text}}

create function bondhu_portable.explain_{{V}}(message text) returns table (figure text, part text, weight numeric)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  tokens record;
  read_mood text;
begin
  tokens := bondhu_portable.tokens_{{V}}(message);
  read_mood := mood from bondhu_portable.score_{{V}}(message);
  return query
  with features as materialized (
    select f.* from bondhu_portable.features_{{V}}(
      tokens.chars, tokens.starts, tokens.ends, tokens.hashes, tokens.marks, tokens.valences) f
  ),
  factors as materialized (
    select {{FACTORS words grams}} as list, bondhu_portable.heads_{{V}}() as heads,
      array_position(array[{{MOODS}}], read_mood) + 3 as mood
    from features
  ),
  words as materialized (
    select token.number, token.mark, (
        select coalesce(string_agg(chr(tokens.chars[place]), '' order by place), '')
        from generate_series(token.start + 1, token.final) place) as word
    from unnest(tokens.starts, tokens.ends, tokens.marks) with ordinality as token(start, final, mark, number)
  ),
  found as (
    select feature, {{WEIGHT_PLACE (feature & 4294967295)}} as place
    from features cross join unnest(features.list) as feature
    offset 0
  ),
  rows as (
    select feature, (bondhu_portable.weights_low_{{V}}())[place] as low, (bondhu_portable.weights_high_{{V}}())[place] as high
    from found
    where (bondhu_portable.weight_tags_{{V}}())[place] = (feature & 65535) - 32768
    offset 0
  ),
  added as (
    select feature, figures.figure,
      {{ADDED head}} - case when figures.figure = 'sentiment' then {{ADDED 1}} else 0 end as weight
    from factors
    cross join rows
    cross join lateral (values ('sentiment', 2), ('mood', factors.mood)) as figures(figure, head)
    where figures.figure = 'sentiment' or read_mood <> 'neutral'
  ),
  parts as (
    select added.figure, added.weight, case
        when (feature >> 37) & 7 = 2 then '{{WHOLE_PART}}'
        when (feature >> 40) & 3 > 0 then before.word || ' ' || word.word
        when (feature >> 37) & 7 = 0 and word.mark & {{IS_NEGATED}} > 0 then 'not ' || word.word
        else word.word
      end as part
    from added
    left join words word on word.number = feature >> 42
    left join words before on before.number = (feature >> 42) - ((feature >> 40) & 3)
  ),
  summed as (
    select parts.figure, parts.part, sum(parts.weight)::bigint * 100 / 1048576 as weight
    from parts
    group by parts.figure, parts.part
  )
  select summed.figure, summed.part, summed.weight * 0.01
  from summed
  where summed.weight <> 0
  order by summed.figure = 'mood', abs(summed.weight) desc, summed.part collate "C";
end
$$;
comment on function bondhu_portable.explain_{{V}}(text) is 'explain(text) of this version.';
{{HIDE explain text}}
