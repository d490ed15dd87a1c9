-- What the model sees of a message, as core/src/score/features.rs and valence.rs say it.

-- Each feature is its hash, its weight in sixteenths from bit 32 on, its group from bit 37 on, how far
-- before its token a pair begins from bit 40 on and the number of that token from bit 42 on.
create function bondhu_portable.features_{{V}}(chars integer[], starts integer[], ends integer[], hashes bigint[],
  marks integer[], valences integer[],
  out list bigint[], out words integer, out grams integer)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  n constant integer := cardinality(hashes);
  turn integer := 0;
  last_clause integer := 0;
  mark integer;
  -- Hashes of what is seen of the message as a whole, and weights from bit 32 on.
  codes bigint[] := '{}';
  hash bigint;
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
    mark := marks[at];
    if mark & ({{ROLE_SYMBOL}} | {{SHOUTED}} | {{SPEAKER}} | {{IS_NEGATED}}) > 0 then
      symbols := symbols + case when mark & {{ROLE_SYMBOL}} > 0 then 1 else 0 end;
      shouted := shouted + case when mark & {{SHOUTED}} > 0 then 1 else 0 end;
      negated := negated + case when mark & {{IS_NEGATED}} > 0 then 1 else 0 end;
      speaker := speaker or mark & {{SPEAKER}} > 0;
    end if;
    if hashes[at] in ({{EXCLAMATION}}, {{EXCLAMATIONS}}) then
      exclamations := exclamations + 1;
      exclaimed := exclaimed + case when valences[at] = 0 then 1 else 0 end;
    elsif hashes[at] in ({{QUESTION}}, {{QUESTIONS}}) then
      questions := questions + 1;
    end if;

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
  whole := whole + {{EXCLAIMED}} * least(exclaimed, 4) * sign(whole)::bigint;

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
    codes := codes || (hash | ((16 - height)::bigint << 32));
    if height > 0 then
      codes := codes || (hash + 1 | (height::bigint << 32));
    end if;
  end loop;
  graded := array[
    symbols, exclamations, questions, shouted, negated,
    case when turn > 0 then 1 else 0 end,
    case when n > 14 then 4 when n > 6 then 3 when n > 2 then 2 when n > 0 then 1 else 0 end,
    case when n > 0 and hashes[n] in ({{QUESTION}}, {{QUESTIONS}}) then 1 else 0 end,
    case when speaker then 1 else 0 end];
  for at in 1..9 loop
    codes := codes || (((at + 15) << 8) | least(graded[at], 4) | (16::bigint << 32));
  end loop;

  list := array(
    select coalesce({{MIXED m}}, m.second) | m.tag
    from (
      select {{MIXING r}}, r.second, r.tag
      from (
        -- Words and pairs. What follows "but" is what is meant.
        select case p.before
            when 1 then hashes[p.at - 1]
            when 2 then {{MIX SKIP hashes[p.at - 2]}}
            else case when p.mark & {{IS_NEGATED}} > 0 then {{SEED NEGATED_WORD}} end end as first, p.hash as second,
          (p.at << 42) | (p.before << 40) | {{EMPHASIS p.at}} as tag
        from (
          select t.*, generate_series(0, least(t.at - 1, 2)) as before from unnest(hashes, marks) with ordinality t (hash, mark, at)
        ) p
        union all
        -- The letters of "happy" would speak for "not happy".
        select {{SEED GRAM}}, l.letters, (l.at << 42) | (1::bigint << 37) | {{EMPHASIS l.at}}
        from (
          select g.at, unnest(array[g.three,
            case when g.size > 3 then {{GRAM_PUSH g.three chars[g.place - 3]}} end,
            case when g.size > 4 then {{GRAM_PUSH {{GRAM_PUSH g.three chars[g.place - 3]}} chars[g.place - 4]}} end]) as letters
          from (
            select c.at, c.place, c.place - c.start + 1 as size,
              {{GRAM_PUSH {{GRAM_PUSH {{GRAM_PUSH {{SEED GRAM}} chars[c.place]}} chars[c.place - 1]}} chars[c.place - 2]}} as three
            from (
              -- Marks of the word's ends stand around its characters.
              select t.at, t.start, generate_series(t.start + 2, t.final + 1) as place
              from unnest(starts, ends, marks) with ordinality t (start, final, mark, at)
              where t.mark & ({{IS_WORD}} | {{IS_NEGATED}}) = {{IS_WORD}}
            ) c
            offset 0
          ) g
        ) l
        where l.letters is not null
        union all
        select {{SEED WHOLE}}, w.code & 4294967295, (2::bigint << 37) | (w.code >> 32 << 32)
        from unnest(codes) w (code)
      ) r
      offset 0
    ) m
  );
  words := n + greatest(n - 1, 0) + greatest(n - 2, 0);
  grams := cardinality(list) - words - cardinality(codes);
end
$$;
comment on function bondhu_portable.features_{{V}}(integer[], integer[], integer[], bigint[], integer[], integer[]) is
  'Everything that the model looks at in a message.';
{{HIDE features integer[], integer[], integer[], bigint[], integer[], integer[]}}
