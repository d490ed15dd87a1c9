-- What the older generation's rows say: two messages an exchange.

create temporary table said as
select 'chat_history' as source, h.id as key, md5(h.id::text || '/message')::uuid as id, h.user_id, 'user' as sender_type,
  h.message as message_text, h.created_at as at, null::text as session
from public.chat_history h
union all
select 'chat_history', h.id, md5(h.id::text || '/response')::uuid, h.user_id, 'ai', h.response, h.created_at, null
from public.chat_history h
union all
select 'chat_messages', m.id, m.id, m.user_id, m.sender_type, m.message_text, m.created_at, m.session_id
from public.chat_messages m;
