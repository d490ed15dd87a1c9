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
