-- What the newer generation's rows say.

create temporary table said as
select 'chat_messages' as source, m.id as key, m.id, m.user_id, m.sender_type, m.message_text, m."timestamp" as at,
  m.session_id::text as session
from public.chat_messages m;
