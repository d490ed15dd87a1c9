-- "That is wrong": a person's own reading of what they wrote comes before the engine's.

-- SECURITY DEFINER: clients write no reading into messages. The engine folds it in, as any change of a message.
create function public.correct_message(message_id uuid, mood text default null, sentiment numeric default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  caller uuid := bondhu.lock_user();
  moods constant text[] := array[
    'angry', 'anxious', 'calm', 'curious', 'disgust', 'grateful', 'joy', 'lonely', 'love', 'neutral', 'sad', 'surprise', 'tired'];
begin
  if not (mood = any (moods)) then
    raise exception using
      errcode = '22023',
      message = format('%L is no mood', left(mood, 40)),
      hint = format('Send one of %s, or null for how the message was read.', array_to_string(moods, ', '));
  end if;
  if not (sentiment between 0 and 1) or sentiment <> round(sentiment, 2) then
    raise exception using
      errcode = '22023',
      message = 'sentiment must be between 0 and 1, with at most two decimals',
      hint = 'Send 0 for bad, 0.5 for neutral, 1 for good, or what lies between; null for how the message was read.';
  end if;
  update public.chat_messages m
  set corrected_mood = mood, corrected_sentiment = sentiment
  where m.user_id = caller and m.id = message_id and m.sender_type = 'user';
  if not found then
    raise exception using
      errcode = 'P0002',
      message = 'there is no such message of yours',
      hint = 'Send the id of a message that you wrote.';
  end if;
end
$$;
comment on function public.correct_message(uuid, text, numeric) is
  'The caller''s own reading of a message that they wrote: mood, sentiment (0 bad … 1 good, in hundredths) or both; of what is null the engine''s reading holds, so that both null take a correction back. It counts at once and until the text is edited. support_level and safety events stay. 22023 for another mood or sentiment, P0002 for another message.';
revoke all on function public.correct_message(uuid, text, numeric) from public, anon, authenticated, service_role;
grant execute on function public.correct_message(uuid, text, numeric) to authenticated;
