-- The same table, indexes and checks, and no engine.
select bondhu.detach_engine();
drop trigger bondhu_clear_score on public.chat_messages;
