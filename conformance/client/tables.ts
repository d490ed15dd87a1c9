// Every table × who asks × what they do.

import type { SupabaseClient } from "@supabase/supabase-js";
import { clientOf, nameOf, owner, type Role, roles } from "./cast.ts";
import type { Table } from "./project.ts";
import { expectedOf, type Verb } from "./tables_expected.ts";
import { assert, fine, refused, test } from "./test.ts";

/** Nobody's id. */
const NOBODY = "00000000-0000-4000-8000-000000000000";

/** The tables are walked by name, which no generic call can type. */
const untyped = (role: Role): SupabaseClient => clientOf[role] as unknown as SupabaseClient;

const countOf = async (role: Role, table: Table): Promise<number> => {
  const answer = await untyped(role).from(table).select("*", { count: "exact" }).eq("user_id", owner.id);
  const { data, count } = fine(answer);
  assert.equal(data.length, Math.min(count ?? -1, 1000), "the count is that of the rows");
  for (const row of data) assert.equal(row.user_id, owner.id);
  return data.length;
};

const tables = Object.keys(expectedOf) as Table[];
for (const table of tables) {
  const expected = expectedOf[table];

  test(`${table}: the owner reads their own rows`, async () => {
    const found = await countOf("owner", table);
    if (expected.filledBy === "chatting") assert.ok(found > 0, "there should be rows");
    const all = fine(await untyped("owner").from(table).select());
    for (const row of all.data) assert.equal(row.user_id, owner.id, "nobody else's is among them");
  });
  test(`${table}: the service role reads the same`, async () => {
    assert.equal(await countOf("service", table), await countOf("owner", table));
  });
  test(`${table}: for another user they do not exist`, async () => {
    assert.equal(await countOf("other", table), 0);
  });
  test(`${table}: anon may not even look`, async () => {
    refused(await untyped("anon").from(table).select(), "42501", 401);
  });

  for (const role of roles) {
    for (const verb of ["insert", "update", "delete"] as const) {
      const may = outcome(table, role, verb);
      test(`${table}: ${nameOf[role]}: ${verb}: ${may}`, async () => {
        const before = await countOf("service", table);
        const answer = await attempt(table, role, verb);
        if (may === "refused") {
          refused(answer, "42501", role === "anon" ? 401 : 403);
        } else if (may === "touches nothing") {
          assert.deepEqual(fine(answer).data, []);
        } else if (answer.error) {
          // The row is there already: privilege and policy let it through.
          refused(answer, "23505", 409);
        }
        if (may !== "allowed") assert.equal(await countOf("service", table), before);
      });
    }
  }
}

type Outcome = "allowed" | "refused" | "touches nothing";

function outcome(table: Table, role: Role, verb: Verb): Outcome {
  const { people, service } = expectedOf[table];
  if (role === "anon") return "refused";
  if (role === "service") return service.includes(verb) ? "allowed" : "refused";
  if (!people.includes(verb)) return "refused";
  if (role === "owner") return "allowed";
  // What another owns does not exist; what claims to be another's is refused.
  return verb === "insert" ? "refused" : "touches nothing";
}

async function attempt(table: Table, role: Role, verb: Verb) {
  const { row, change } = expectedOf[table];
  const values: Record<string, unknown> = row(owner);
  const rows = untyped(role).from(table);
  switch (verb) {
    case "insert":
      return await rows.insert(values).select();
    case "update":
      return await rows.update(change ?? { user_id: owner.id }).eq("user_id", owner.id).select();
    case "delete":
      // Those who may delete are asked for nobody's rows: the owner's are needed yet.
      return await rows.delete().eq("user_id", role === "other" ? owner.id : NOBODY).select();
  }
}
