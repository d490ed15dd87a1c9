// Where the stand-in for Supabase's services (`stack/src/supabase`) answers otherwise than a project does: the
// name of the test that shows it, and why it stays so. Each is red on the stand-in and green on a project; one
// that is green on both is taken off the list, or the suite fails.

export const knownDifferences: Readonly<Record<string, string>> = {
  "read: rows of an RPC are filtered, ordered and counted as a table's":
    "postrust has no columns to filter by where a function RETURNS TABLE, and answers all rows",
  "read: CSV": "postrust ends the last line, PostgREST does not",
  "data api: a column that is not there is not read":
    "postrust looks it up in the schema cache, PGRST204, and names no column; PostgREST leaves it to Postgres, 42703",
  "delete: how many rows were deleted is counted, unseen": "postrust counts rows only where it answers them",
};
