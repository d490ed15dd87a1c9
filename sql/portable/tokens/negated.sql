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
