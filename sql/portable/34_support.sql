-- People who may need help, as core/src/score/support finds them.

create function bondhu_portable.support_{{V}}(words integer[], marks integer[]) returns integer
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  n constant integer := cardinality(words);
  -- Patterns whose rarest word occurs.
  wanted boolean[];
  some_wanted boolean := false;
  pattern integer;
  sets integer[] := '{}';
  -- Matches, by where they start.
  found integer[] := '{}';
  finals integer[] := '{}';
  abouts integer[] := '{}';
  k integer := 0;
  -- A match under way, and where it may go on otherwise.
  element integer;
  elements integer;
  flags integer;
  at integer;
  ended boolean;
  matched boolean;
  alive boolean;
  depth integer;
  stack_element integer[] := '{}';
  stack_at integer[] := '{}';
  stack_first integer[] := '{}';
  highest integer := 0;
  level integer;
  denied boolean;
begin
  for start in 1..n loop
    continue when words[start] = 0;
    for place in (bondhu_portable.rare_starts_{{V}}())[words[start]]..(bondhu_portable.rare_starts_{{V}}())[words[start] + 1] - 1 loop
      if not some_wanted then
        some_wanted := true;
        wanted := array_fill(false, array[{{PATTERNS}}]);
      end if;
      wanted[(bondhu_portable.rare_patterns_{{V}}())[place]] := true;
    end loop;
  end loop;
  if not some_wanted then
    return 0;
  end if;

  for start in 1..n loop
    found[start] := k + 1;
    sets[start] := 0;
    continue when words[start] = 0;
    sets[start] := (bondhu_portable.support_sets_{{V}}())[words[start]];
    for place in (bondhu_portable.first_starts_{{V}}())[words[start]]..(bondhu_portable.first_starts_{{V}}())[words[start] + 1] - 1 loop
      continue when not wanted[(bondhu_portable.first_patterns_{{V}}())[place]];
      pattern := (bondhu_portable.first_patterns_{{V}}())[place];
      element := (bondhu_portable.pattern_starts_{{V}}())[pattern];
      elements := (bondhu_portable.pattern_starts_{{V}}())[pattern + 1];
      at := start + 1;
      depth := 0;
      loop
        matched := element = elements;
        exit when matched;
        flags := (bondhu_portable.elements_{{V}}())[element];
        if flags & {{ELEMENT_GAP}} > 0 then
          depth := depth + 1;
          stack_element[depth] := element;
          stack_at[depth] := at;
          stack_first[depth] := at;
          element := element + 1;
          continue;
        end if;
        ended := at > n or marks[at - 1] & {{ENDS}} > 0;
        ended := flags & {{ELEMENT_OPTIONAL}} > 0 or flags & {{ELEMENT_END}} > 0 and ended;
        if at <= n and words[at] > 0
          and words[at] = any ((bondhu_portable.set_words_{{V}}())
            [(bondhu_portable.set_starts_{{V}}())[flags >> 3]:(bondhu_portable.set_starts_{{V}}())[(flags >> 3) + 1] - 1]) then
          if ended then
            depth := depth + 1;
            stack_element[depth] := element;
            stack_at[depth] := at;
            stack_first[depth] := 0;
          end if;
          element := element + 1;
          at := at + 1;
          continue;
        elsif ended then
          element := element + 1;
          continue;
        end if;
        -- Back to where another way was left.
        alive := false;
        while depth > 0 and not alive loop
          element := stack_element[depth] + 1;
          at := stack_at[depth];
          if stack_first[depth] = 0 then
            depth := depth - 1;
            alive := true;
          elsif at < stack_first[depth] + {{GAP}} and at < n and marks[at] & {{ENDS}} = 0 then
            at := at + 1;
            stack_at[depth] := at;
            alive := true;
          else
            depth := depth - 1;
          end if;
        end loop;
        exit when not alive;
      end loop;
      if matched then
        k := k + 1;
        finals[k] := at;
        abouts[k] := (bondhu_portable.abouts_{{V}}())[pattern];
      end if;
    end loop;
  end loop;
  if k = 0 then
    return 0;
  end if;
  found[n + 1] := k + 1;

  for start in 1..n loop
    for match in found[start]..found[start + 1] - 1 loop
      level := (array[0, 1, 1, 2])[abouts[match] + 1];
      continue when level <= highest;
      -- "i would never kill myself", "morte chai na".
      at := finals[match];
      denied := at <= n and marks[at - 1] & {{ENDS}} = 0 and sets[at] & {{DENIAL_AFTER}} > 0;
      if not denied then
        for before in reverse start - 1..greatest(start - {{NEGATION_REACH}}, 1) loop
          exit when marks[before] & {{ENDS}} > 0 or sets[before] & {{STATEMENT}} > 0;
          if sets[before] & {{DENIAL}} > 0 then
            denied := sets[before + 1] & {{NO_DENIAL}} = 0;
            exit;
          end if;
        end loop;
      end if;
      continue when denied;
      -- Figures of speech and other people that it overlaps with.
      for other in found[greatest(start - {{LONGEST_PATTERN}}, 1)]..found[at] - 1 loop
        continue when finals[other] <= start;
        if abouts[other] = 0 then
          level := 0;
        elsif abouts[other] = 1 then
          level := least(level, 1);
        end if;
      end loop;
      highest := greatest(highest, level);
    end loop;
  end loop;

  if highest = 2 then
    -- Told as past and not as back again: "i used to cut myself".
    denied := false;
    for start in 1..n loop
      if sets[start] & {{AGAIN}} > 0 then
        return 2;
      end if;
      if start > 1 and ((sets[start - 1] >> {{PAST_SHIFT}}) & (sets[start] >> {{PAST_NEXT_SHIFT}})) & {{PAST_BITS}} > 0 then
        denied := true;
      end if;
    end loop;
    return case when denied then 1 else 2 end;
  end if;
  return highest;
end
$$;
comment on function bondhu_portable.support_{{V}}(integer[], integer[]) is
  'What the support detector sees: 0 nothing, 1 signs of distress, 2 signs of danger to the writer''s life.';
{{HIDE support integer[], integer[]}}
