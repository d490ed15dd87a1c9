-- Reading one's own writes: a position in the write-ahead log after the write.

create function public.commit_position() returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bondhu.require_user();
  if pg_catalog.pg_is_in_recovery() then
    raise exception using
      errcode = '25006',
      message = 'a read replica has written nothing, and has no position of yours',
      hint = 'Call commit_position where you wrote, on the primary.';
  end if;
  -- The insert position: every commit that was answered before this call is before it.
  return pg_catalog.pg_current_wal_insert_lsn()::text;
end
$$;
comment on function public.commit_position() is
  'A position in the write-ahead log, such as 16/B374D848, after everything committed before this call. Call it after the answer to your write, in a separate request, and pass it to a hot read as min_lsn: its answer then includes your write. 28000 when nobody is signed in, 25006 on a read replica.';
revoke all on function public.commit_position() from public, anon, authenticated, service_role;
grant execute on function public.commit_position() to authenticated;
