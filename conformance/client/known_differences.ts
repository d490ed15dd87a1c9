// Where the stand-in for Supabase's services (`stack/src/supabase`) answers otherwise than a project does: the
// name of the test that shows it, and why it stays so. Each is red on the stand-in and green on a project; one
// that is green on both is taken off the list, or the suite fails.

export const knownDifferences: Readonly<Record<string, string>> = {};
