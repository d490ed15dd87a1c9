-- The documents that Redis keeps, from Postgres: for a reader of Redis that finds none it may serve.

-- SECURITY DEFINER: clients may not call the documents' functions. It reads only the caller's own rows.
create function public.hot_document(document text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid[] := array[bondhu.require_user()];
  found jsonb;
begin
  case document
    when 'personality_context' then
      found := (select d.data::jsonb from bondhu.personality_context_document(caller, now()) d);
    when 'personality_sentiment' then
      found := (select d.data::jsonb from bondhu.personality_sentiment_document(caller, now()) d);
    when 'chat_history' then
      found := (select d.data::jsonb from bondhu.chat_history_document(caller, now()) d);
    when 'music_profile' then
      found := (select d.data::jsonb from bondhu.music_profile_document(caller, now()) d);
    when 'music_spotify' then
      found := (select d.data::jsonb from bondhu.music_spotify_document(caller, now()) d);
    when 'video_youtube' then
      found := (select d.data::jsonb from bondhu.video_youtube_document(caller, now()) d);
    when 'recommendations' then
      found := (select d.data::jsonb from bondhu.recommendations_document(caller, now()) d);
    when 'session_active' then
      found := (select d.data::jsonb from bondhu.session_active_document(caller, now()) d);
    else
      raise exception using
        errcode = '22023',
        message = 'there is no such document',
        hint = 'The documents are those of docs/mirror.md, such as personality_context and chat_history.';
  end case;
  return found;
end
$$;
comment on function public.hot_document(text) is
  'A document of the caller''s that Redis keeps, as Postgres builds it now; null when there is none. 22023 for another name.';
revoke all on function public.hot_document(text) from public, anon, authenticated, service_role;
grant execute on function public.hot_document(text) to authenticated;
