-- Negated comparatives, as core/src/score/comparison.rs reads them. A place of 0 is none.

create function bondhu_portable.not_able_{{V}}(sets bigint[], marks integer[], at integer, could boolean) returns integer
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  compared integer := at + 1;
begin
  if could and {{IS at HAVE}} then
    for place in at + 1..at + 1 + {{COUNTERFACTUAL}} loop
      exit when place > at + 1 and {{ENDED place - 1}};
      if {{MORE_AT_ALL place}} then
        return place;
      end if;
    end loop;
    return 0;
  end if;
  {{PASS compared DEGREES}}
  if {{IS at GET}} then
    -- "I can't get better" is no praise.
    return case when {{COMPARATIVE compared}} and (compared > at + 1 or {{IS compared WORSE}}) then compared else 0 end;
  end if;
  if {{ENDED at}} then
    return 0;
  end if;
  if {{IS at AGREE}} or {{IS at ASK}} and {{IS at + 1 FOR}} then
    if could then
      for place in at + 1..at + 3 loop
        exit when place > at + 1 and {{ENDED place - 1}};
        if {{MORE_AT_ALL place}} then
          return place;
        end if;
      end loop;
    end if;
    return 0;
  end if;
  return case when {{IS at BE}} and ({{COMPARATIVE compared}} or {{MORE_OF compared}}) then compared else 0 end;
end
$$;
comment on function bondhu_portable.not_able_{{V}}(bigint[], integer[], integer, boolean) is
  'Where the comparative after "couldn''t" or "can''t" stands.';
{{HIDE not_able bigint[], integer[], integer, boolean}}

create function bondhu_portable.compared_{{V}}(sets bigint[], marks integer[], at integer) returns integer
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  next integer := at + 1;
  compared integer;
  denies constant boolean := {{IS at NOT}} and at > 1 and not {{ENDED at - 1}};
begin
  if {{ENDED at}} or marks[at] & {{NEGATES_NEXT}} = 0 then
    return 0;
  end if;
  {{PASS next ADVERBS}}
  if {{IS at COULD_NOT}} or denies and {{IS at - 1 COULD}} then
    return bondhu_portable.not_able_{{V}}(sets, marks, next, true);
  end if;
  if {{IS at CAN_NOT}} or denies and {{IS at - 1 CAN}} then
    return bondhu_portable.not_able_{{V}}(sets, marks, next, false);
  end if;

  if {{IS at NOBODY}} or {{IS at NO_ONE}} and {{IS at + 1 ONE}} then
    -- "nothing could be worse", "nothing is better than this".
    if {{IS next COULD}} or {{IS next CAN}} then
      compared := next + 1;
      {{PASS compared ADVERBS}}
      return bondhu_portable.not_able_{{V}}(sets, marks, compared, {{IS next COULD}});
    end if;
    {{PASS next IS}}
    {{PASS next DEGREES}}
    return case when ({{COMPARATIVE next}} or {{MORE_OF next}}) and ({{IS next + 1 THAN}} or {{IS next + 2 THAN}})
      then next else 0 end;
  end if;

  if {{IS at DOES_NOT}} then
    if {{IS next GET}} then
      compared := next + 1;
      {{PASS compared DEGREES}}
      if {{COMPARATIVE compared}} and {{IS compared + 1 THAN}} then
        return compared;
      end if;
    elsif {{IS next THINK}} and not {{ENDED next}} then
      for place in next + 1..next + 1 + {{THOUGHT}} loop
        exit when place > next + 1 and {{ENDED place - 1}};
        if {{IS place COULD}} or {{IS place CAN}} then
          compared := place + 1;
          {{PASS compared ADVERBS}}
          compared := bondhu_portable.not_able_{{V}}(sets, marks, compared, {{IS place COULD}});
          if compared > 0 then
            return compared;
          end if;
        end if;
      end loop;
    end if;
  end if;

  -- "never been", "never better", "haven't felt … in years".
  if {{IS at NEVER}} and {{ENDED next}} then
    return case when {{COMPARATIVE next}} then next else 0 end;
  end if;
  if not {{IS next EVER}} or {{ENDED next}} then
    return 0;
  end if;
  compared := next + 1;
  {{PASS compared DEGREES}}
  if {{COMPARATIVE compared}} or {{MORE_OF compared}} then
    if {{IS at NEVER}} or {{IS at HAVE_NOT}} and {{IS compared + 1 IN}} then
      return compared;
    end if;
  elsif {{IS at NEVER}} then
    for place in next + 1..next + 3 loop
      exit when place > next + 1 and {{ENDED place - 1}};
      if {{COMPARATIVE place}} then
        return place;
      end if;
    end loop;
  end if;
  return 0;
end
$$;
comment on function bondhu_portable.compared_{{V}}(bigint[], integer[], integer) is
  'Where the comparative stands that a negation makes a superlative.';
{{HIDE compared bigint[], integer[], integer}}

create function bondhu_portable.strengthen_{{V}}(words integer[], marks integer[]) returns integer[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  n constant integer := cardinality(words);
  said integer[] := array_fill(0, array[n]);
  sets bigint[] := '{}';
  compared integer;
  instead integer;
  than_this boolean;
begin
  for at in 1..n loop
    sets[at] := case when words[at] > 0 then (bondhu_portable.word_sets_{{V}}())[words[at]] else 0 end;
  end loop;
  -- Places behind the text are the end of a clause.
  for at in n + 1..n + 16 loop
    sets[at] := 0;
    marks[at] := {{ENDS}};
  end loop;
  for at in 1..n loop
    continue when marks[at] & {{NEGATES}} = 0;
    compared := bondhu_portable.compared_{{V}}(sets, marks, at);
    if compared = 0 then
      -- "er cheye … pare na", "isse … nahi ho sakta".
      continue when not {{IS at NO}}
        or not (at > 1 and {{IS greatest(at - 1, 1) IS_ABLE}}
          or not {{ENDED at}} and {{IS at + 1 HO}} and not {{ENDED at + 1}} and {{IS at + 2 IS_ABLE}});
      than_this := false;
      for place in reverse at - 1..greatest(at - {{CLAUSE}}, 1) loop
        exit when {{ENDED place}};
        than_this := {{IS place THAN_THIS}};
        exit when than_this;
      end loop;
      continue when not than_this;
    else
      instead := case
        when {{IS compared BETTER}} then 2
        when {{IS compared WORSE}} then 3
        when {{IS compared LESS}} then 4
        else 0
      end;
      if instead > 0 then
        said[compared] := instead;
        sets[compared] := (bondhu_portable.word_sets_{{V}}())[(array[{{REPLACEMENT_IDS}}])[instead]];
        marks[compared] := (marks[compared] & ~127) | (bondhu_portable.lexicon_{{V}}((array[{{REPLACEMENT_HASHES}}])[instead]) & 127);
      end if;
    end if;
    said[at] := 1;
    sets[at] := (bondhu_portable.word_sets_{{V}}())[(array[{{REPLACEMENT_IDS}}])[1]];
    marks[at] := (marks[at] & ~127) | (bondhu_portable.lexicon_{{V}}((array[{{REPLACEMENT_HASHES}}])[1]) & 127);
  end loop;
  return said;
end
$$;
comment on function bondhu_portable.strengthen_{{V}}(integer[], integer[]) is
  'For each token the number of what is said in its place, because a negation only strengthens there; 0 where it stays.';
{{HIDE strengthen integer[], integer[]}}
