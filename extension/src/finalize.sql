-- Whoever calls must not choose what `=` means: the trigger writes as the table's owner.
alter function personality(uuid[], timestamptz) set search_path = pg_catalog, pg_temp;
alter function recompute(uuid) set search_path = pg_catalog, pg_temp;
alter function refresh(uuid[]) set search_path = pg_catalog, pg_temp;
alter function verify(uuid[]) set search_path = pg_catalog, pg_temp;
alter function patterns(uuid[], timestamptz) set search_path = pg_catalog, pg_temp;
alter function wellness(uuid, date, date) set search_path = pg_catalog, pg_temp;
alter function fold_messages() set search_path = pg_catalog, pg_temp;

alter function score(text) rows 1;
alter function personality(uuid[], timestamptz) rows 1;
alter function patterns(uuid[], timestamptz) rows 1;

-- The migrations wrap these and decide who may call the wrappers.
revoke all on function engine_version(), score(text), explain(text), personality(uuid[], timestamptz), recompute(uuid),
  refresh(uuid[]), verify(uuid[]), patterns(uuid[], timestamptz), wellness(uuid, date, date), score_message(), fold_messages() from public;
grant execute on function engine_version(), score(text), explain(text), personality(uuid[], timestamptz), recompute(uuid),
  refresh(uuid[]), verify(uuid[]), patterns(uuid[], timestamptz), wellness(uuid, date, date), score_message(), fold_messages() to @extowner@ with grant option;
