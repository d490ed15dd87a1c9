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
