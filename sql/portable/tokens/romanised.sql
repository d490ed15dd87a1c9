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
