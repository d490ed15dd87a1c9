-- The characters of a text and what the lexicon says of a word, as core/src/characters/folded.rs and
-- core/src/score/lexicon.rs read them.

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
