-- What the model sees of a message, as core/src/score/features.rs and valence.rs say it.

-- Each feature is its hash, its weight in sixteenths from bit 32 on, its group from bit 37 on, how far
-- before its token a pair begins from bit 40 on and the number of that token from bit 42 on.
create function bondhu_portable.features_{{V}}(chars integer[], starts integer[], ends integer[], hashes bigint[],
  marks integer[], valences integer[],
  out list bigint[], out words integer, out grams integer)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  n constant integer := cardinality(hashes);
  f integer := 0;
  turn integer := 0;
  last_clause integer := 0;
  mark integer;
  hash bigint;
  id bigint;
  t bigint;
  hi bigint;
  -- Weight, kind and token of a feature, in their places.
  tagged bigint;
  g bigint;
  start integer;
  final integer;
  -- What the lexicon's words add up to.
  own bigint;
  direction integer;
  faded integer;
  whole bigint := 0;
  at_end bigint := 0;
  symbols_own bigint := 0;
  good bigint := 0;
  bad bigint := 0;
  negated_own bigint := 0;
  exclaimed integer := 0;
  speaker boolean := false;
  symbols integer := 0;
  exclamations integer := 0;
  questions integer := 0;
  shouted integer := 0;
  negated integer := 0;
  graded bigint[];
  height integer;
begin
  list := '{}';
  for at in reverse n..1 loop
    if marks[at] & {{CONTRASTS}} > 0 then
      turn := at;
      exit;
    end if;
  end loop;
  for at in reverse n - 1..1 loop
    if marks[at] & {{ENDS}} > 0 then
      last_clause := at;
      exit;
    end if;
  end loop;

  for at in 1..n loop
    hash := hashes[at];
    mark := marks[at];
    -- What follows "but" is what is meant.
    tagged := (at::bigint << 42)
      | (case when turn = 0 or at = turn then 16 when at < turn then 8 else 24 end::bigint << 32);
    if mark & {{IS_NEGATED}} > 0 then
      negated := negated + 1;
      {{PAIR NEGATED_WORD hash}}
    else
      id := hash;
    end if;
    f := f + 1;
    list[f] := id | tagged;
    if at > 1 then
      {{PAIR_OF hashes[at - 1] hash}}
      f := f + 1;
      list[f] := id | tagged | (1::bigint << 40);
      if at > 2 then
        {{PAIR SKIP hashes[at - 2]}}
        {{PAIR_OF id hash}}
        f := f + 1;
        list[f] := id | tagged | (2::bigint << 40);
      end if;
    end if;

    if hash in ({{EXCLAMATION}}, {{EXCLAMATIONS}}) then
      exclamations := exclamations + 1;
      exclaimed := exclaimed + case when valences[at] = 0 then 1 else 0 end;
    elsif hash in ({{QUESTION}}, {{QUESTIONS}}) then
      questions := questions + 1;
    end if;
    symbols := symbols + case when mark & {{ROLE_SYMBOL}} > 0 then 1 else 0 end;
    shouted := shouted + case when mark & {{SHOUTED}} > 0 then 1 else 0 end;
    speaker := speaker or mark & {{SPEAKER}} > 0;

    continue when valences[at] = 0;
    own := valences[at] * 100;
    direction := sign(own);
    if mark & {{SHOUTED}} > 0 then
      own := own + {{SHOUT}} * direction;
    end if;
    for distance in 1..least(3, at - 1) loop
      exit when marks[at - distance] & {{ENDS}} > 0;
      -- Degree fades with distance: 1, .95, .9.
      faded := {{BOOST}} * (105 - 5 * distance) / 100;
      if marks[at - distance] & {{BOOSTS}} > 0 then
        own := own + faded * direction;
      elsif marks[at - distance] & {{DAMPENS}} > 0 then
        own := own - faded * direction;
      end if;
    end loop;
    if mark & {{IS_NEGATED}} > 0 then
      own := own * case when own < 0 then {{NEGATED_BAD}} else {{NEGATED}} end / 1000;
      negated_own := negated_own + own;
    end if;
    whole := whole + own * case
      when turn = 0 then 100 when at < turn then {{BEFORE_CONTRAST}} else {{AFTER_CONTRAST}} end / 100;
    if at > (case when turn > 0 then turn else last_clause end) then
      at_end := at_end + own;
    end if;
    if mark & {{ROLE_SYMBOL}} > 0 then
      symbols_own := symbols_own + own;
    end if;
    if own > 0 then
      good := good + own;
    else
      bad := bad + own;
    end if;
  end loop;
  words := f;
  whole := whole + {{EXCLAIMED}} * least(exclaimed, 4) * sign(whole)::bigint;

  -- The letters of "happy" would speak for "not happy".
  for at in 1..n loop
    continue when marks[at] & ({{IS_WORD}} | {{IS_NEGATED}}) <> {{IS_WORD}};
    tagged := (at::bigint << 42) | (1::bigint << 37)
      | (case when turn = 0 or at = turn then 16 when at < turn then 8 else 24 end::bigint << 32);
    start := starts[at];
    final := ends[at] + 1;
    -- Marks of the word's ends stand around its characters.
    for j in start + 2..final loop
      g := {{GRAM_OF 0 chars[j]}};
      g := {{GRAM_PUSH chars[j - 1]}};
      g := {{GRAM_PUSH chars[j - 2]}};
      {{PAIR GRAM g}}
      f := f + 1;
      list[f] := id | tagged;
      if j > start + 2 then
        g := {{GRAM_PUSH chars[j - 3]}};
        {{PAIR GRAM g}}
        f := f + 1;
        list[f] := id | tagged;
        if j > start + 3 then
          g := {{GRAM_PUSH chars[j - 4]}};
          {{PAIR GRAM g}}
          f := f + 1;
          list[f] := id | tagged;
        end if;
      end if;
    end loop;
  end loop;

  grams := f - words;

  -- Codes and valences.
  graded := array[0, whole, 1, at_end, 2, good, 3, bad, case when speaker then 4 else 5 end, whole];
  if negated_own <> 0 then
    graded := graded || array[8, negated_own, 9, whole - negated_own];
  end if;
  if symbols > 0 then
    graded := graded || array[6, symbols_own, 7, whole - symbols_own];
  end if;
  for at in 1..cardinality(graded) / 2 loop
    -- Beyond the bounds the quotient is 1,000.
    own := greatest(least(graded[2 * at], 1000000), -1000000);
    height := 1000 * own / {{ISQRT own * own + 15000000}} + 1000;
    hash := (graded[2 * at - 1] << 8) | (height / 100);
    height := height % 100 * 16 / 100;
    {{PAIR WHOLE hash}}
    f := f + 1;
    list[f] := id | (2::bigint << 37) | ((16 - height)::bigint << 32);
    if height > 0 then
      hash := hash + 1;
      {{PAIR WHOLE hash}}
      f := f + 1;
      list[f] := id | (2::bigint << 37) | (height::bigint << 32);
    end if;
  end loop;
  graded := array[
    symbols, exclamations, questions, shouted, negated,
    case when turn > 0 then 1 else 0 end,
    case when n > 14 then 4 when n > 6 then 3 when n > 2 then 2 when n > 0 then 1 else 0 end,
    case when n > 0 and hashes[n] in ({{QUESTION}}, {{QUESTIONS}}) then 1 else 0 end,
    case when speaker then 1 else 0 end];
  for at in 1..9 loop
    hash := ((at + 15) << 8) | least(graded[at], 4);
    {{PAIR WHOLE hash}}
    f := f + 1;
    list[f] := id | (2::bigint << 37) | (16::bigint << 32);
  end loop;
end
$$;
comment on function bondhu_portable.features_{{V}}(integer[], integer[], integer[], bigint[], integer[], integer[]) is
  'Everything that the model looks at in a message.';
{{HIDE features integer[], integer[], integer[], bigint[], integer[], integer[]}}
