// How the suite says what it expects.

import assert from "node:assert/strict";
import { knownDifferences } from "./known_differences.ts";
import { isStandIn } from "./project.ts";

export { assert };

/** A test; `unless` is the sentence that says why this project is not asked, if it is not. */
export function test(name: string, run: () => void | Promise<void>, unless?: string | false): void {
  if (unless) {
    Deno.test({ name: `${name} (${unless})`, ignore: true, fn: () => {} });
    return;
  }
  const difference = isStandIn ? knownDifferences[name] : undefined;
  if (!difference) {
    Deno.test(name, run);
    return;
  }
  seen.add(name);
  Deno.test(`the stand-in differs: ${name} (${difference})`, async () => {
    const failure = await Promise.resolve().then(run).then(() => undefined, (error) => error);
    assert.ok(failure, "the stand-in differs no more: take it off the list of known differences");
  });
}

const seen = new Set<string>();

/** Once all tests are there: a difference without its test is no longer known. */
export function checkKnownDifferences(): void {
  Deno.test("every known difference names a test", () => {
    const unknown = Object.keys(knownDifferences).filter((name) => isStandIn && !seen.has(name));
    assert.deepEqual(unknown, []);
  });
}

/** What a client gets back, of whichever part. */
interface Answer {
  error: { code?: string; message: string; hint?: string | null } | null;
  status?: number;
  data?: unknown;
}

/** It worked; returns the answer with its data. */
export function fine<A extends Answer>(answer: A): A & { error: null; data: NonNullable<A["data"]> } {
  if (answer.error) {
    const { code, message, hint } = answer.error;
    assert.fail(`refused with ${answer.status} ${code}: ${message} (${hint ?? "no hint"})`);
  }
  return answer as A & { error: null; data: NonNullable<A["data"]> };
}

/** It was refused by the Data API, with this code and status. */
export function refused(answer: Answer, code: string, status: number): NonNullable<Answer["error"]> {
  assert.ok(answer.error, `it should be refused with ${code}, and answers ${JSON.stringify(answer.data)}`);
  assert.deepEqual(
    { code: answer.error.code, status: answer.status },
    { code, status },
    answer.error.message,
  );
  return answer.error;
}

/** What every refusal of the Data API has. */
export function hasErrorBody(body: unknown): void {
  assert.ok(body && typeof body === "object");
  assert.deepEqual(Object.keys(body).sort(), ["code", "details", "hint", "message"]);
}

/**
 * The status that the Data API gives an SQLSTATE to somebody who has signed in:
 * https://docs.postgrest.org/en/stable/references/errors.html.
 */
export function statusOf(sqlstate: string): number {
  if (["23503", "23505"].includes(sqlstate)) return 409;
  if (sqlstate === "42501" || sqlstate.startsWith("28")) return 403;
  return /^(P0(?!001)|55|54|40)/.test(sqlstate) ? 500 : 400;
}
