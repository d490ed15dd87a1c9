-- What is stored about users other than their messages make it.

create function bondhu_portable.verify(user_ids uuid[])
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language plpgsql stable strict
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  s constant bondhu.settings := bondhu_portable.settings();
  p bondhu_portable.profile;
  r bondhu_portable.profile;
  newest timestamptz;
  id uuid;
begin
  foreach id in array user_ids loop
    continue when id is null;
    newest := bondhu_portable.newest(id);
    select {{profile columns}} into p from public.personality_profiles stored where stored.user_id = id;
    continue when found and (p.settings_version < s.recount_before or p.settings_version > s.version);
    if found and p.settings_version <> s.version then
      null;
    elsif found then
      r := bondhu_portable.recounted(p, s, greatest(p.as_of, newest), bondhu_portable.baseline(p.user_id));
      -- As text: to the last digit stored.
      return query
        select id, 'personality_profiles', f.name, f.stored, f.recounted
        from (values
          {{compared}}
        ) f (name, stored, recounted)
        where f.stored is distinct from f.recounted;
    elsif newest is not null then
      return query select id, 'personality_profiles', '(row)', null::text, 'a profile';
    end if;
    return query
      select id, 'sentiment_buckets', coalesce(b.bucket_start, m.bucket_start)::text, b.tally, m.tally
      from (
        select o.bucket_start, row({{bucket columns}})::text as tally
        from public.sentiment_buckets o
        where o.user_id = id
      ) b
      full join (
        select o.bucket_start, row({{bucket columns}})::text as tally
        from bondhu_portable.buckets(id) o
      ) m on m.bucket_start = b.bucket_start
      where b.tally is distinct from m.tally
      order by coalesce(b.bucket_start, m.bucket_start);
    return query
      select id, 'personality_history_evidence', e::text, 'a message', null::text
      from unnest(bondhu_portable.unevidenced(id)) e;
    return query
      select id, 'safety_events', e::text, 'a crisis', null::text from unnest(bondhu_portable.unfounded(id)) e;
    return query
      select id, 'safety_events', e::text, null::text, 'a crisis' from unnest(bondhu_portable.unnoted(id)) e;
  end loop;
end
$$;
comment on function bondhu_portable.verify(uuid[]) is 'A row for each stored figure that the messages contradict.';
revoke all on function bondhu_portable.verify(uuid[]) from public, anon, authenticated, service_role;
