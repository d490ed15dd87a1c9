// Every RPC × who calls it.

import type { SupabaseClient } from "@supabase/supabase-js";
import { clientOf, nameOf, owner, type Role } from "./cast.ts";
import type { Rpc } from "./project.ts";
import { expectedOf } from "./rpcs_expected.ts";
import { assert, fine, refused, statusOf, test } from "./test.ts";

/** The RPCs are walked by name, which no generic call can type. */
const call = async (role: Role, rpc: Rpc) =>
  await (clientOf[role] as unknown as SupabaseClient).rpc(rpc, expectedOf[rpc].args(owner));

type Check = ((data: never, owner: never) => void) | readonly string[];

async function check(role: Role, rpc: Rpc, expected: Check): Promise<void> {
  const answer = await call(role, rpc);
  if (typeof expected === "function") {
    fine(answer);
    expected(answer.data as never, owner as never);
    return;
  }
  const code = expected.find((code) => code === answer.error?.code) ?? expected[0];
  const { message, hint } = refused(answer, code, statusOf(code));
  assert.ok(message, "a refusal says why");
  assert.ok(hint, "and what to do");
}

const mayNot = (rpc: Rpc, role: Role) =>
  test(`rpc ${rpc}: ${nameOf[role]} may not call it`, async () => {
    refused(await call(role, rpc), "42501", role === "anon" ? 401 : 403);
  });

const says = (expected: Check) => typeof expected === "function" ? "answers" : `refuses with ${expected[0]}`;

for (const rpc of Object.keys(expectedOf) as Rpc[]) {
  const expected = expectedOf[rpc];
  mayNot(rpc, "anon");
  if ("server" in expected) {
    mayNot(rpc, "owner");
    mayNot(rpc, "other");
    test(`rpc ${rpc}: ${says(expected.server)} the service role`, () =>
      check("service", rpc, expected.server));
  } else {
    const { answers, other } = expected;
    mayNot(rpc, "service");
    test(`rpc ${rpc}: ${says(answers)} the owner`, () => check("owner", rpc, answers));
    test(`rpc ${rpc}: ${says(other)} another user, who learns nothing`, () => check("other", rpc, other));
  }
}
