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
