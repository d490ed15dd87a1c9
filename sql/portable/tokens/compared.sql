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
