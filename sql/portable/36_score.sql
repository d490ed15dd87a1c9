-- From features to a score, as core/src/score/sums.rs, model.rs, readout.rs and explain.rs do it.

create function bondhu_portable.exp_{{V}}(x bigint) returns bigint
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  f integer;
begin
  x := (greatest(x, -65536) * 94548) >> 12;
  f := x & 65535;
  f := 65536 + ((f::bigint * (45554 + ((f::bigint * (14916 + ((f::bigint * 5066) >> 16))) >> 16))) >> 16);
  return greatest(f >> (-(x >> 16))::integer, 1);
end
$$;
comment on function bondhu_portable.exp_{{V}}(bigint) is 'The exponential of 2⁻¹² units up to 0, in 2⁻¹⁶.';
{{HIDE exp bigint}}

create function bondhu_portable.factors_{{V}}(features bigint[]) returns integer[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  counts integer[] := '{0,0,0}';
  feature bigint;
begin
  foreach feature in array features loop
    counts[((feature >> 37) & 7) + 1] := counts[((feature >> 37) & 7) + 1] + 1;
  end loop;
  return array[
    {{ISQRT 4294967296 / greatest(counts[1], 1)}},
    {{ISQRT 4294967296 / greatest(counts[2], 1)}},
    65536];
end
$$;
comment on function bondhu_portable.factors_{{V}}(bigint[]) is 'What the weights of each group of features are multiplied with, in 2⁻¹⁶.';
{{HIDE factors bigint[]}}

create function bondhu_portable.outputs_{{V}}(features bigint[]) returns bigint[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  factors constant integer[] := bondhu_portable.factors_{{V}}(features);
  heads constant integer[] := bondhu_portable.heads_{{V}}();
  sums bigint[] := array_fill(0::bigint, array[16]);
  feature bigint;
  class integer := -1;
  -- What the rows under way are multiplied with, each and together, and their multiples so far.
  multiple integer := 1;
  factor bigint := 0;
  budget integer := 0;
  id bigint;
  place integer;
  low bigint;
  high bigint;
  -- Four heads in each, 16 bits wide.
  a bigint := 0;
  b bigint := 0;
  c bigint := 0;
  d bigint := 0;
begin
  foreach feature in array features || (-1::bigint) loop
    if (feature >> 32) & 255 <> class or budget > 112 then
      if budget > 0 then
        sums := array[{{UNPACKED}}];
        a := 0; b := 0; c := 0; d := 0;
        budget := 0;
      end if;
      exit when feature < 0;
      class := (feature >> 32) & 255;
      multiple := class & 31;
      factor := factors[(class >> 5) + 1];
      if class >> 5 < 2 then
        factor := factor * multiple;
        multiple := 1;
      end if;
    end if;
    id := feature & 4294967295;
    place := {{WEIGHT_PLACE id}};
    if (bondhu_portable.weight_tags_{{V}}())[place] = (id & 65535) - 32768 then
      low := (bondhu_portable.weights_low_{{V}}())[place];
      high := (bondhu_portable.weights_high_{{V}}())[place];
      a := a + (low & {{LANES}}) * multiple;
      b := b + ((low >> 8) & {{LANES}}) * multiple;
      c := c + (high & {{LANES}}) * multiple;
      d := d + ((high >> 8) & {{LANES}}) * multiple;
      budget := budget + multiple;
    end if;
  end loop;
  for head in 1..16 loop
    sums[head] := heads[head + 16] + (((sums[head] >> 12) * heads[head]) >> 16);
  end loop;
  return sums;
end
$$;
comment on function bondhu_portable.outputs_{{V}}(bigint[]) is 'The model''s outputs, in 2⁻¹².';
{{HIDE outputs bigint[]}}

create function bondhu_portable.scored_{{V}}(outputs bigint[], support integer,
  out sentiment_score numeric, out mood text, out mood_confidence numeric, out support_level text)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  negative bigint := outputs[1];
  positive bigint := outputs[2];
  neutral bigint;
  top bigint := greatest(outputs[1], outputs[2], 0);
  least_sentiment integer;
  greatest_sentiment integer;
  class bigint;
  sentiment integer;
  best integer := 1;
  shares bigint := 0;
  confidence integer;
begin
  if top = 0 then
    least_sentiment := {{NEGATIVE_UP_TO}} + 1;
    greatest_sentiment := {{POSITIVE_FROM}} - 1;
  elsif positive > negative then
    least_sentiment := {{POSITIVE_FROM}};
    greatest_sentiment := 100;
  else
    least_sentiment := 0;
    greatest_sentiment := {{NEGATIVE_UP_TO}};
  end if;
  negative := bondhu_portable.exp_{{V}}(negative - top);
  neutral := bondhu_portable.exp_{{V}}(-top);
  positive := bondhu_portable.exp_{{V}}(positive - top);
  class := (positive - negative) * 4096 / (positive + neutral + negative);
  -- A shift rounds down, as what it stands for does.
  sentiment := 50 + (({{REACH}} * (3 * class / 8 + greatest(least(outputs[3], 4096), -4096)) + 2048) >> 12);
  sentiment := greatest(least(sentiment, greatest_sentiment), least_sentiment);

  for at in 2..13 loop
    if outputs[at + 3] > outputs[best + 3] then
      best := at;
    end if;
  end loop;
  for at in 1..13 loop
    shares := shares + bondhu_portable.exp_{{V}}(outputs[at + 3] - outputs[best + 3]);
  end loop;
  confidence := 100 * 65536 / shares;
  mood := (array[{{MOODS}}])[best];

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
  scored record;
begin
  tokens := bondhu_portable.tokens_{{V}}(message);
  scored := bondhu_portable.scored_{{V}}(
    bondhu_portable.outputs_{{V}}(bondhu_portable.features_{{V}}(
      tokens.chars, tokens.starts, tokens.ends, tokens.hashes, tokens.marks, tokens.valences)),
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
    select bondhu_portable.features_{{V}}(
      tokens.chars, tokens.starts, tokens.ends, tokens.hashes, tokens.marks, tokens.valences) as list
  ),
  factors as materialized (
    select bondhu_portable.factors_{{V}}(list) as list, bondhu_portable.heads_{{V}}() as heads,
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
