-- Whoever calls must not choose what `=` means: the trigger writes as the table's owner.
alter function personality(uuid[], timestamptz) set search_path = pg_catalog, pg_temp;
alter function personality_at(uuid, timestamptz) set search_path = pg_catalog, pg_temp;
alter function recompute(uuid) set search_path = pg_catalog, pg_temp;
alter function refresh(uuid[]) set search_path = pg_catalog, pg_temp;
alter function verify(uuid[]) set search_path = pg_catalog, pg_temp;
alter function patterns(uuid[], timestamptz) set search_path = pg_catalog, pg_temp;
alter function wellness(uuid, date, date) set search_path = pg_catalog, pg_temp;
alter function fold_messages() set search_path = pg_catalog, pg_temp;

alter function score(text) rows 1;
alter function personality(uuid[], timestamptz) rows 1;
alter function personality_at(uuid, timestamptz) rows 1;
alter function patterns(uuid[], timestamptz) rows 1;

-- The migrations wrap these and decide who may call the wrappers.
revoke all on function engine_version(), score(text), explain(text), personality(uuid[], timestamptz),
  personality_at(uuid, timestamptz), recompute(uuid), refresh(uuid[]), verify(uuid[]), patterns(uuid[], timestamptz),
  wellness(uuid, date, date), score_message(), fold_messages() from public;
-- To the schema's owner, which is the owner of the migrations also where a superuser restores a dump. Postgres runs this
-- as a superuser, with the schema in the path: whoever made the schema before could have put a format() of theirs into it.
do $grant$
begin
  execute pg_catalog.format('grant execute on all functions in schema %I to %I with grant option', '@extschema@',
    (select pg_catalog.pg_get_userbyid(nspowner) from pg_catalog.pg_namespace where nspname operator(pg_catalog.=) '@extschema@'));
end
$grant$;
