-- Text to tokens, as core/src/score/tokeniser.rs reads it. One function, so that no token costs a call; its
-- parts are files of their own.

create function bondhu_portable.tokens_{{V}}(message text,
  out chars integer[], out starts integer[], out ends integer[], out hashes bigint[],
  out marks integer[], out valences integer[], out words integer[], out seen bigint)
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  plain constant boolean := octet_length(message) = length(message);
  bytes bytea;
  codes integer[];
  n integer;
  i integer := 0;
  j integer;
  -- Characters and tokens so far.
  m integer := 0;
  k integer := 0;
  c integer;
  nature integer;
  next integer;
  rest bigint;
  -- The token under way.
  start integer;
  hash bigint;
  flags integer;
  cell integer;
  pushed boolean;
  closes boolean;
  lo bigint;
  hi bigint;
  t bigint;
  upper integer;
  lower integer;
  previous integer;
  run integer;
  drawn_out boolean;
  some_lower boolean := false;
  some_shouted boolean := false;
  roles integer := 0;
  -- The romaniser.
  letter integer;
  inherent integer;
  open boolean;
  after_vowel boolean;
  silent boolean;
  joined boolean;
  closed boolean;
  last integer;
  word text;
begin
  chars := '{}'; starts := '{}'; ends := '{}'; hashes := '{}'; marks := '{}'; valences := '{}'; words := '{}';
  seen := 0;
  if plain then
    bytes := convert_to(message, 'UTF8');
    n := least(length(bytes), {{MAX_CHARS}});
  else
    codes := bondhu_portable.read_{{V}}(message);
    n := least(cardinality(codes), {{MAX_CHARS}});
  end if;

  while i < n loop
    c := {{CODE i}};
    nature := {{NATURE c}};
    pushed := false;
    closes := false;
    if nature & 7 = {{WORD}} then
      pushed := true;
      flags := {{IS_WORD}};
      {{PART link}}
      if flags > 0 then
        {{PART word}}
      end if;
    elsif nature & 7 = {{SPACE}} or nature & 7 = {{IGNORED}} then
      i := i + 1;
    elsif nature & 7 = {{BREAK}} then
      closes := true;
      i := i + 1;
    else
      {{PART mark}}
    end if;

    if closes and k > 0 then
      marks[k] := marks[k] | {{ENDS}};
    end if;
    if pushed then
      k := k + 1;
      starts[k] := start;
      ends[k] := m - (flags & {{IS_WORD}}) / {{IS_WORD}};
      hashes[k] := hash;
      cell := {{LEXICON hash}};
      if {{LEXICON_KNOWS cell hash}} then
        valences[k] := ((cell >> 8) & 255) - 128;
        roles := roles | (cell & 127);
        marks[k] := flags | (cell & 127);
      else
        valences[k] := 0;
        marks[k] := flags;
      end if;
      t := {{VOCABULARY hash}};
      if t >> 12 = hash then
        words[k] := t & 4095;
        seen := seen | (bondhu_portable.word_sets_{{V}}())[t & 4095];
      else
        words[k] := 0;
      end if;
    end if;
  end loop;

  if some_shouted and not some_lower then
    for at in 1..k loop
      marks[at] := marks[at] & ~{{SHOUTED}};
    end loop;
  end if;

  if roles & {{NEGATES}} = 0 then
    return;
  end if;
  if seen & {{COMPARES}} <> 0 then
    {{PART compared}}
  end if;

  -- Which tokens an odd number of negations reaches.
  {{PART negated}}
end
$$;
comment on function bondhu_portable.tokens_{{V}}(text) is
  'The tokens of a text: characters of all, for each where its own lie, its hash, marks, valence and number in the vocabulary; and which sets of words occur.';
{{HIDE tokens text}}
