-- Which characters a client's text may contain: one rule for all texts.

create function bondhu.text_fault(value text) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
begin
  -- Written out from core/src/characters by `TEXT_RULE=write cargo test -p bondhu-dev --lib text_rule`:
  -- ranges, since each server's locale has classes of its own. One call checks both: calling a
  -- function costs more than either search.
  return case
    when value collate "C" ~ ('['
    '\u0001-\u0008\u000B-\u000C\u000E-\u001F\u007F-\u009F'
    ']') then 'control'
    when value collate "C" !~ ('[^'
    '\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F-\u1160\u1680\u17B4-\u17B5\u180B-\u180F'
    '\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFC'
    '\U00013441-\U00013442\U0001BCA0-\U0001BCA3\U0001D159\U0001D173-\U0001D17A\U000E0000-\U000E0FFF'
    ']') then 'blank'
  end;
end
$$;
comment on function bondhu.text_fault(text) is
  'control: it has control characters other than tab, line feed and carriage return; blank: nothing of it is visible (white space, controls, fillers, what Unicode calls ignorable); null: no fault.';
revoke all on function bondhu.text_fault(text) from public, anon, authenticated, service_role;
grant execute on function bondhu.text_fault(text) to authenticated, service_role;

-- The messages are here and not in the checks, which Postgres parses again with every statement.
create function bondhu.refuse_text(rules text, field text, value text, characters integer, bytes integer) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if char_length(value) > characters then
    perform bondhu.refuse(
      format('%s_is_at_most_%s_characters', rules, characters),
      format('%s has %s characters', field, char_length(value)),
      format('Send at most %s characters; split a longer text.', characters));
  elsif octet_length(value) > bytes then
    perform bondhu.refuse(
      format('%s_is_at_most_%s_bytes', rules, bytes),
      format('%s has %s bytes', field, octet_length(value)),
      format('Send at most %s bytes of UTF-8; split a longer text.', bytes));
  elsif bondhu.text_fault(value) = 'control' then
    perform bondhu.refuse(
      rules || '_has_no_control_characters',
      field || ' has control characters',
      'Take out all but tabs, line feeds and carriage returns.');
  end if;
  return bondhu.refuse(rules || '_is_not_blank', field || ' is blank', 'Send at least one character that can be seen.');
end
$$;
comment on function bondhu.refuse_text(text, text, text, integer, integer) is
  'For checks of a text that is too long or has a fault: raises 23514 with the constraint''s name, a message and a hint.';
revoke all on function bondhu.refuse_text(text, text, text, integer, integer) from public, anon, authenticated, service_role;
grant execute on function bondhu.refuse_text(text, text, text, integer, integer) to authenticated, service_role;
