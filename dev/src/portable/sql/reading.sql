-- Text to tokens, as core/src/characters/folded.rs and core/src/score/tokeniser.rs read it.

create function bondhu_portable.read_{{V}}(message text) returns integer[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  codes integer[] := '{}';
  n integer := 0;
  last integer := 0;
  c integer;
  cell integer;
begin
  foreach c in array array(select ascii(s.c) from string_to_table(message, null) s(c)) loop
    -- One more than is read, since a character can still change the one before it.
    exit when n > {{MAX_CHARS}};
    if c < 128 then
      n := n + 1;
      codes[n] := c;
      last := c;
      continue;
    end if;
    cell := get_byte(bondhu_portable.fold_pages_{{V}}(), c >> 8);
    if cell > 0 then
      cell := (bondhu_portable.fold_cells_{{V}}())[((cell - 1) << 8) + (c & 255) + 1];
    end if;
    foreach c in array case
      when cell > 0 then (bondhu_portable.fold_pool_{{V}}())
        [(bondhu_portable.fold_starts_{{V}}())[cell]:(bondhu_portable.fold_starts_{{V}}())[cell + 1] - 1]
      -- The letters of a Hangul syllable.
      when c between 44032 and 55203 then
        array[4352 + (c - 44032) / 588, 4449 + (c - 44032) / 28 % 21]
        || case when (c - 44032) % 28 > 0 then array[4519 + (c - 44032) % 28] else '{}' end
      else array[c]
    end loop
      if c in ({{VIRAMA}}, {{BENGALI_VIRAMA}}) and last in ({{VIRAMA}}, {{BENGALI_VIRAMA}}) then
        continue;
      elsif c in ({{NUKTA}}, {{BENGALI_NUKTA}}) and last in ({{VIRAMA}}, {{BENGALI_VIRAMA}}) then
        codes[n] := c;
        c := last;
      elsif c in ({{SIGN_A}}, {{AU_LENGTH}}) and last = {{SIGN_E}} then
        c := case c when {{SIGN_A}} then {{SIGN_O}} else {{SIGN_AU}} end;
        n := n - 1;
      end if;
      n := n + 1;
      codes[n] := c;
      last := c;
    end loop;
  end loop;
  return codes;
end
$$;
comment on function bondhu_portable.read_{{V}}(text) is
  'The characters of a text as they are read: every one folded; at least the first {{MAX_CHARS}}.';
{{HIDE read text}}

create function bondhu_portable.lexicon_{{V}}(word bigint) returns integer
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  cell integer := {{LEXICON word}};
begin
  return case when {{LEXICON_KNOWS cell word}} then cell & 65535 else {{UNKNOWN}} end;
end
$$;
comment on function bondhu_portable.lexicon_{{V}}(bigint) is
  'What the lexicon says of a word: roles, and 128 more than its valence in the second byte.';
{{HIDE lexicon bigint}}

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
      -- A link.
      if c in (72, 87, 104, 119) and i + 4 < n
        and (c | 32 = 104 and {{CODE i + 1}} | 32 = 116 and {{CODE i + 2}} | 32 = 116 and {{CODE i + 3}} | 32 = 112
          or c | 32 = 119 and {{CODE i + 1}} | 32 = 119 and {{CODE i + 2}} | 32 = 119 and {{CODE i + 3}} = 46) then
        c := {{CODE i + 4}};
        if {{NATURE c}} & {{ALPHANUMERIC}} > 0
          or c = 58 and i + 6 < n and {{CODE i + 5}} = 47 and {{CODE i + 6}} = 47 then
          start := m;
          chars[m + 1] := 104; chars[m + 2] := 116; chars[m + 3] := 116; chars[m + 4] := 112;
          m := m + 4;
          hash := {{HASH http}};
          flags := 0;
          loop
            i := i + 1;
            exit when i >= n;
            c := {{CODE i}};
            exit when {{NATURE c}} & {{WHITESPACE}} > 0;
          end loop;
        end if;
      end if;
      if flags > 0 then
        m := m + 1;
        chars[m] := 60;
        start := m;
        lo := {{WORD_EMPTY_LOW}}; hi := {{WORD_EMPTY_HIGH}};
        upper := 0; lower := 0; run := 0; previous := -1; drawn_out := false;
        open := false; after_vowel := false; silent := false; joined := false; last := 0;
        while i < n loop
          c := {{CODE i}};
          nature := {{NATURE c}};
          if nature & 7 <> {{WORD}} then
            if c = 39 or c = 96 then
              -- "i'm" is "im" and "don't" "dont", but "i'll" is not "ill".
              c := 39;
              exit when i + 1 >= n;
              next := {{CODE i + 1}};
              exit when {{NATURE next}} & 7 <> {{WORD}};
              if next in (115, 109, 116, 118, 83, 77, 84, 86) then
                i := i + 1;
                continue;
              end if;
            elsif nature & 7 = {{IGNORED}} then
              i := i + 1;
              continue;
            else
              exit;
            end if;
          end if;
          i := i + 1;
          rest := 0;
          if c < 128 then
            if nature & {{UPPERCASE}} > 0 then
              upper := upper + 1;
              c := c + 32;
            elsif nature & {{LOWERCASE}} > 0 then
              lower := lower + 1;
            end if;
          elsif c between 2304 and 2559 then
            next := case when i < n then {{CODE i}} else 0 end;
            if next not between 2304 and 2403 and next not between 2406 and 2559 then
              next := 0;
            end if;
            inherent := case when c >= 2432 then 111 else 97 end;
            closed := joined and c >= 2432 and next = 0;
            joined := false;
            letter := (bondhu_portable.letters_{{V}}())
              [c - 2303 + case when next = case when c >= 2432 then {{BENGALI_NUKTA}} else {{NUKTA}} end then 256 else 0 end];
            if silent then
              silent := false;
              rest := case when closed then inherent else 0 end;
            else
              rest := letter >> 8;
              letter := letter & 255;
              if letter = {{CONSONANT}} then
                last := case when rest > 127 then rest >> 7 else rest end;
                if closed then
                  rest := rest | (inherent::bigint << case when rest > 127 then 14 else 7 end);
                end if;
                if open then
                  -- "korche", not "koroche": between two syllables the vowel falls.
                  if after_vowel and next > 0 and (bondhu_portable.letters_{{V}}())[next - 2303] & 255 = {{SIGN}} then
                    after_vowel := false;
                  else
                    rest := inherent | (rest << 7);
                    after_vowel := true;
                  end if;
                end if;
                open := true;
              elsif letter = {{VOWEL}} or letter = {{NASAL}} then
                if open then
                  rest := inherent | (rest << 7);
                end if;
                open := false;
                after_vowel := letter = {{VOWEL}};
              elsif letter = {{SIGN}} then
                open := false;
                after_vowel := true;
              elsif letter = {{JOINS}} then
                -- "jonno": the consonant doubles in place of the silent one.
                silent := next = 2479 or next = 2476;
                rest := case when silent and after_vowel then last else 0 end;
                open := silent;
                after_vowel := false;
                joined := true;
              end if;
            end if;
            continue when rest = 0;
            c := rest & 127;
            rest := rest >> 7;
          else
            upper := upper + case when nature & {{UPPERCASE}} > 0 then 1 else 0 end;
            lower := lower + case when nature & {{LOWERCASE}} > 0 then 1 else 0 end;
            cell := get_byte(bondhu_portable.lower_pages_{{V}}(), c >> 8);
            if cell > 0 then
              c := c + (bondhu_portable.lower_cells_{{V}}())[((cell - 1) << 8) + (c & 255) + 1];
            end if;
          end if;
          loop
            if c = previous then
              run := run + 1;
            else
              previous := c;
              run := 0;
            end if;
            if run < 2 or {{NATURE c}} & {{ALPHABETIC}} = 0 then
              m := m + 1;
              chars[m] := c;
              {{WORD_PUSH c}}
            else
              drawn_out := true;
            end if;
            exit when rest = 0;
            c := rest & 127;
            rest := rest >> 7;
          end loop;
        end loop;
        some_lower := some_lower or lower > 0;
        hash := {{WORD_HASH}};
        if drawn_out and bondhu_portable.lexicon_{{V}}(hash) = {{UNKNOWN}} then
          -- "tireddd": the word whose doubled letters are single, if the lexicon has it.
          lo := {{WORD_EMPTY_LOW}}; hi := {{WORD_EMPTY_HIGH}};
          previous := -1;
          for at in start + 1..m loop
            c := chars[at];
            if c <> previous then
              {{WORD_PUSH c}}
            end if;
            previous := c;
          end loop;
          if bondhu_portable.lexicon_{{V}}({{WORD_HASH}}) <> {{UNKNOWN}} then
            hash := {{WORD_HASH}};
            j := start;
            previous := -1;
            for at in start + 1..m loop
              c := chars[at];
              if c <> previous then
                j := j + 1;
                chars[j] := c;
              end if;
              previous := c;
            end loop;
            m := j;
          end if;
        end if;
        if m = start then
          m := m - 1;
          pushed := false;
        else
          if upper > 1 and lower = 0 then
            flags := flags | {{SHOUTED}};
            some_shouted := true;
          end if;
          -- The end mark of the n-grams.
          m := m + 1;
          chars[m] := 62;
        end if;
      end if;
    elsif nature & 7 = {{SPACE}} or nature & 7 = {{IGNORED}} then
      i := i + 1;
    elsif nature & 7 = {{BREAK}} then
      closes := true;
      i := i + 1;
    else
      flags := 0;
      start := m;
      j := i + 1;
      if nature & 7 = {{SYMBOL}} then
        pushed := true;
      elsif c in (58, 59, 60, 61, 62) then
        if c = 60 and j < n and {{CODE j}} = 51 then
          -- A heart of ASCII.
          while j < n and {{CODE j}} = 51 loop
            j := j + 1;
          end loop;
          next := case when j < n then {{CODE j}} else 32 end;
          pushed := {{NATURE next}} & {{ALPHANUMERIC}} = 0;
          if pushed then
            c := {{HEART}};
          else
            j := i + 1;
          end if;
        end if;
        if not pushed then
          -- The longest emoticon that the lexicon knows.
          lo := {{WORD_EMPTY_LOW}}; hi := {{WORD_EMPTY_HIGH}};
          for at in i..least(i + 3, n - 1) loop
            next := {{CODE at}};
            exit when next not between 33 and 126;
            if next between 65 and 90 then
              next := next + 32;
            end if;
            {{WORD_PUSH next}}
            chars[start + at - i + 1] := next;
            next := case when at + 1 < n then {{CODE at + 1}} else 32 end;
            if {{NATURE next}} & {{ALPHANUMERIC}} = 0
              and bondhu_portable.lexicon_{{V}}({{WORD_HASH}}) & {{ROLE_SYMBOL}} > 0 then
              pushed := true;
              hash := {{WORD_HASH}};
              m := start + at - i + 1;
              j := at + 1;
            end if;
          end loop;
          if pushed then
            i := j;
          end if;
        end if;
      end if;
      if m > start then
        null;
      elsif pushed then
        -- An emoji. Repeated, it is still one.
        m := m + 1;
        chars[m] := c;
        {{WORD_OF c}}
        hash := {{WORD_HASH}};
        loop
          exit when j >= n;
          next := {{CODE j}};
          exit when next <> c and (next < 128 or {{NATURE next}} & 7 <> {{IGNORED}});
          j := j + 1;
        end loop;
        i := j;
      elsif c = 64 then
        -- A name behind @ says nothing: all are one.
        loop
          exit when j >= n;
          next := {{CODE j}};
          exit when next <> 95 and {{NATURE next}} & {{ALPHANUMERIC}} = 0;
          j := j + 1;
        end loop;
        if j > i + 1 then
          pushed := true;
          m := m + 1;
          chars[m] := 64;
          hash := {{HASH @}};
        end if;
        i := j;
      else
        while j < n and {{CODE j}} = c loop
          j := j + 1;
        end loop;
        closes := c in (33, 63, 8230, 46, 58, 59);
        if c in (33, 63, 8230) or c = 46 and j > i + 1 then
          pushed := true;
          next := case c when 46 then 8230 else c end;
          m := m + 1;
          chars[m] := next;
          {{WORD_OF next}}
          if c <> 46 and j > i + 1 then
            m := m + 1;
            chars[m] := c;
            {{WORD_PUSH c}}
          end if;
          hash := {{WORD_HASH}};
          flags := {{ENDS}};
        end if;
        i := j;
      end if;
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
    i := 0;
    foreach j in array bondhu_portable.strengthen_{{V}}(words, marks) loop
      i := i + 1;
      continue when j = 0;
      word := (array[{{REPLACEMENT_WORDS}}])[j];
      m := m + 1;
      chars[m] := 60;
      starts[i] := m;
      lo := {{WORD_EMPTY_LOW}}; hi := {{WORD_EMPTY_HIGH}};
      for at in 1..length(word) loop
        c := ascii(substr(word, at, 1));
        m := m + 1;
        chars[m] := c;
        {{WORD_PUSH c}}
      end loop;
      ends[i] := m;
      m := m + 1;
      chars[m] := 62;
      hash := {{WORD_HASH}};
      hashes[i] := hash;
      cell := bondhu_portable.lexicon_{{V}}(hash);
      valences[i] := (cell >> 8) - 128;
      marks[i] := (marks[i] & ~127) | (cell & 127);
      words[i] := (array[{{REPLACEMENT_IDS}}])[j];
      seen := seen | (bondhu_portable.word_sets_{{V}}())[words[i]];
    end loop;
  end if;

  -- Which tokens an odd number of negations reaches.
  for at in 1..k loop
    flags := marks[at];
    if flags & {{NEGATES_NEXT}} > 0 and flags & {{ENDS}} = 0 then
      for reached in at + 1..least(at + {{REACH_AFTER}}, k) loop
        exit when marks[reached] & {{CONTRASTS}} > 0;
        marks[reached] := marks[reached] # {{IS_NEGATED}};
        exit when marks[reached] & {{ENDS}} > 0;
      end loop;
    end if;
    if flags & {{NEGATES_BEFORE}} > 0 then
      for reached in reverse at - 1..greatest(at - {{REACH_BEFORE}}, 1) loop
        exit when marks[reached] & ({{ENDS}} | {{CONTRASTS}}) > 0;
        marks[reached] := marks[reached] # {{IS_NEGATED}};
      end loop;
    end if;
  end loop;
end
$$;
comment on function bondhu_portable.tokens_{{V}}(text) is
  'The tokens of a text: characters of all, for each where its own lie, its hash, marks, valence and number in the vocabulary; and which sets of words occur.';
{{HIDE tokens text}}
