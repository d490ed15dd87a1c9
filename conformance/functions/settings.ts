// The companion's settings, changed as an operator does.

import postgres, { type Sql } from "postgres";
import { running } from "./chat.ts";

/** The owner of the schema, who may change settings. */
export const database = Deno.env.get("SUPABASE_DB_URL");

export async function connected<T>(use: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = postgres(database!, { max: 1, onnotice: () => {} });
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
}

/** Settings for as long as a function of the test's own runs, which reads them anew. */
export async function withSettings<T>(
  settings: Record<string, string | number>,
  use: (at: string, kill: () => void) => Promise<T>,
): Promise<T> {
  return await connected(async (sql) => {
    const columns = Object.keys(settings);
    const [before] = await sql`select ${sql(columns)} from bondhu.companion_settings`;
    try {
      await sql`update bondhu.companion_settings set ${sql(settings, columns)}`;
      return await running({}, (at, _, kill) => use(at, kill));
    } finally {
      await sql`update bondhu.companion_settings set ${sql(before, columns)}`;
    }
  });
}
