-- What the mirror receives: the keys of the tables that Redis documents are built from. It reads the
-- documents itself, so that no message text is sent. A column list has to include the replica
-- identity, which is the primary key.

create publication bondhu_mirror for table
  public.companion_profiles (user_id),
  public.consents (user_id, purpose, decided_at),
  public.user_sessions (user_id, id),
  public.chat_messages (user_id, id),
  public.personality_profiles (user_id),
  public.music_preferences (user_id, provider),
  public.video_preferences (user_id),
  public.recommendation_feedback (user_id, kind, item_id),
  bondhu.settings (singleton); -- a change is about everybody
comment on publication bondhu_mirror is 'Keys of the tables that users'' documents are built from, and of the settings; read by the mirror of sync-worker.';
