-- Reading back what one wrote: a position of the write-ahead log that the write lies before.

create function public.commit_position() returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.require_user();
  -- Where the next record goes: every commit that was answered before this call lies before it.
  return pg_catalog.pg_current_wal_insert_lsn()::text;
end
$$;
comment on function public.commit_position() is
  'A position of the log such as 16/B374D848 that everything committed before this call lies before. Call it after the answer to your write, in a request of its own, and pass it as min_lsn to a hot read: that then holds what you wrote. 28000 when nobody is signed in.';
revoke all on function public.commit_position() from public, anon, authenticated, service_role;
grant execute on function public.commit_position() to authenticated;
