-- What the mirror listens to: the tables that Redis documents are built from, and of
-- these the keys alone. Documents are re-read, so that no message text travels here.
-- A column list has to hold the replica identity, which is the primary key.

create publication bondhu_mirror for table
  public.companion_profiles (user_id),
  public.user_sessions (user_id, id),
  public.chat_messages (user_id, id),
  public.personality_profiles (user_id),
  public.music_preferences (user_id, provider),
  public.video_preferences (user_id),
  bondhu.settings (singleton); -- a change is about everybody
comment on publication bondhu_mirror is 'Keys of what users'' documents are built from, and of the settings; read by sync-worker''s mirror.';
