-- What the questionnaires ask. Closed to users: who sees which trait an item counts for, and whether reversed, answers
-- accordingly.

create table bondhu.assessment_items (
  id text primary key,
  form text not null,
  place integer not null,
  trait text not null,
  is_reversed boolean not null,

  constraint item_form_is_known check (form in ('short', 'long')),
  constraint place_is_from_1_on check (place >= 1),
  constraint trait_is_known check (trait in ('openness', 'conscientiousness', 'extraversion', 'agreeableness', 'neuroticism')),
  constraint one_item_in_a_place unique (form, place)
);
comment on table bondhu.assessment_items is 'The items of the questionnaires with the trait that each counts for. They come with the migrations.';
comment on column bondhu.assessment_items.is_reversed is 'Whether who agrees has less of the trait.';

create table bondhu.assessment_texts (
  item_id text not null references bondhu.assessment_items (id) on delete cascade,
  locale text not null,
  item_text text not null,
  is_validated boolean not null,

  primary key (item_id, locale),
  constraint locale_is_a_language check (locale ~ '^[a-z]{2,3}$')
);
comment on table bondhu.assessment_texts is 'The wording of items, by language. A form has a language only if each of its items does.';
comment on column bondhu.assessment_texts.is_validated is 'Whether this wording was studied; false of our own translations.';

alter table bondhu.assessment_items enable row level security;
alter table bondhu.assessment_texts enable row level security;
revoke all on bondhu.assessment_items, bondhu.assessment_texts from public, anon, authenticated, service_role;
grant select on bondhu.assessment_items, bondhu.assessment_texts to service_role;

create function bondhu.check_form(form text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from bondhu.assessment_items i where i.form = check_form.form) then
    raise exception using
      errcode = '22023',
      message = format('%L is no form', left(form, 40)),
      hint = 'Send short, of 20 items, or long, of 120.';
  end if;
end
$$;
comment on function bondhu.check_form(text) is '22023 unless there are items of it.';

-- SECURITY DEFINER: whoever answers sees no keys.
create function public.assessment_items(form text default 'short', locale text default 'en')
returns table (id text, place integer, item_text text, item_locale text, is_validated boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  of_form text := assessment_items.form;
  in_locale text := assessment_items.locale;
  language text;
begin
  perform bondhu.require_user();
  perform bondhu.check_form(of_form);
  if in_locale is null or char_length(in_locale) > 35 or in_locale !~ '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$' then
    raise exception using
      errcode = '22023',
      message = format('%L is no locale', left(in_locale, 40)),
      hint = 'Send a language tag of at most 35 characters such as en, bn-BD or pt_BR.';
  end if;
  language := lower(substring(in_locale from '^[A-Za-z]+'));
  if exists (
    select from bondhu.assessment_items i
    where i.form = of_form
      and not exists (select from bondhu.assessment_texts t where t.item_id = i.id and t.locale = language)
  ) then
    language := 'en';
  end if;
  return query
    select i.id, i.place, t.item_text, t.locale, t.is_validated
    from bondhu.assessment_items i
    join bondhu.assessment_texts t on t.item_id = i.id and t.locale = language
    where i.form = of_form
    order by i.place;
end
$$;
comment on function public.assessment_items(text, text) is
  'What a form (short: 20 items; long: 120) asks, in the order in which it is shown; each is answered from 1, very inaccurate, to 5, very accurate. In the language of locale, or in English where the form has not got it: item_locale says which. is_validated false: our own translation. 22023 for a form that there is not.';

revoke all on function bondhu.check_form(text), public.assessment_items(text, text) from public, anon, authenticated, service_role;
grant execute on function public.assessment_items(text, text) to authenticated;
