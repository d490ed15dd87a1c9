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
    {{PART romanised}}
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
  {{PART drawn_out}}
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
