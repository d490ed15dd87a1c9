-- Written out from core and dev/src/portable/folding; do not edit.

-- What is stored about users other than their messages make it.

create function bondhu_portable.verify(user_ids uuid[])
returns table (user_id uuid, relation text, figure text, stored text, recounted text)
language plpgsql stable strict
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  s constant bondhu.settings := bondhu_portable.settings();
  p public.personality_profiles;
  r public.personality_profiles;
  newest timestamptz;
  id uuid;
begin
  foreach id in array user_ids loop
    continue when id is null;
    newest := bondhu_portable.newest(id);
    select * into p from public.personality_profiles of_user where of_user.user_id = id;
    if found then
      r := bondhu_portable.recounted(p, s, greatest(p.as_of, newest));
      -- As text: to the last digit stored.
      return query
        select id, 'personality_profiles', f.name, f.stored, f.recounted
        from (values
          ('as_of', p.as_of::text, r.as_of::text),
          ('openness', p.openness::text, r.openness::text),
          ('conscientiousness', p.conscientiousness::text, r.conscientiousness::text),
          ('extraversion', p.extraversion::text, r.extraversion::text),
          ('agreeableness', p.agreeableness::text, r.agreeableness::text),
          ('neuroticism', p.neuroticism::text, r.neuroticism::text),
          ('trait_confidence', p.trait_confidence::text, r.trait_confidence::text),
          ('communication_style', p.communication_style::text, r.communication_style::text),
          ('emotional_stability', p.emotional_stability::text, r.emotional_stability::text),
          ('needs_support', p.needs_support::text, r.needs_support::text),
          ('message_count', p.message_count::text, r.message_count::text),
          ('mean_sentiment', p.mean_sentiment::text, r.mean_sentiment::text),
          ('sentiment_volatility', p.sentiment_volatility::text, r.sentiment_volatility::text),
          ('dominant_mood', p.dominant_mood::text, r.dominant_mood::text),
          ('sentiment_trend', p.sentiment_trend::text, r.sentiment_trend::text),
          ('data_status', p.data_status::text, r.data_status::text),
          ('window_hours', p.window_hours::text, r.window_hours::text),
          ('window_sum', p.window_sum::text, r.window_sum::text),
          ('window_sum_squares', p.window_sum_squares::text, r.window_sum_squares::text),
          ('window_moods', p.window_moods::text, r.window_moods::text),
          ('window_latest', p.window_latest::text, r.window_latest::text),
          ('window_oldest', p.window_oldest::text, r.window_oldest::text),
          ('previous_count', p.previous_count::text, r.previous_count::text),
          ('previous_sum', p.previous_sum::text, r.previous_sum::text),
          ('previous_oldest', p.previous_oldest::text, r.previous_oldest::text),
          ('trait_count', p.trait_count::text, r.trait_count::text),
          ('trait_sum', p.trait_sum::text, r.trait_sum::text),
          ('trait_sum_squares', p.trait_sum_squares::text, r.trait_sum_squares::text),
          ('trait_moods', p.trait_moods::text, r.trait_moods::text),
          ('last_crisis_at', p.last_crisis_at::text, r.last_crisis_at::text)
        ) f (name, stored, recounted)
        where f.stored is distinct from f.recounted;
    elsif newest is not null then
      return query select id, 'personality_profiles', '(row)', null::text, 'a profile';
    end if;
    return query
      select id, 'sentiment_buckets', coalesce(b.bucket_start, m.bucket_start)::text, b.tally, m.tally
      from (
        select o.bucket_start, row(o.message_count, o.score_sum, o.score_sum_squares, o.angry, o.anxious, o.calm, o.curious, o.disgust, o.grateful, o.joy, o.lonely, o.love, o.neutral, o.sad, o.surprise, o.tired)::text as tally
        from public.sentiment_buckets o
        where o.user_id = id
      ) b
      full join (
        select o.bucket_start, row(o.message_count, o.score_sum, o.score_sum_squares, o.angry, o.anxious, o.calm, o.curious, o.disgust, o.grateful, o.joy, o.lonely, o.love, o.neutral, o.sad, o.surprise, o.tired)::text as tally
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
