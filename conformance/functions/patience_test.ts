// How event streams are read, how long a provider is waited for, and when it is asked again, without a project.

import assert from "node:assert/strict";
import { gemini } from "../../supabase/functions/chat/providers/gemini.ts";
import { patiently } from "../../supabase/functions/chat/providers/patience.ts";
import { FAULTS, type Provider } from "../../supabase/functions/chat/providers/provider.ts";
import { dataOf } from "../../supabase/functions/chat/providers/sse.ts";
import { ask, badKey, ended, events, heard, retryIn, rpc, said } from "./heard.ts";
import { nobody, serving, silent } from "./servers.ts";

const patience = { first: 150, between: 150, all: 2000 };

// Event streams

Deno.test("events are read however they are cut into chunks", async () => {
  const text = ': hello\r\n\r\nevent: x\r\ndata: {"a":"ঙ🙂"}\r\n\r\ndata:1\ndata: 2\n\ndata: unfinished';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const chunks = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, n) => bytes.slice(n * size, (n + 1) * size),
    );
    const read: string[] = [];
    for await (const data of dataOf(ReadableStream.from(chunks))) read.push(data);
    assert.deepEqual(read, ['{"a":"ঙ🙂"}', "1\n2"], `in chunks of ${size}`);
  }
});

Deno.test("an event without an end is not read for ever", async () => {
  const endless = ReadableStream.from((async function* () {
    while (true) yield new Uint8Array(1 << 16).fill(97);
  })());
  await assert.rejects(async () => {
    for await (const _ of dataOf(endless)) assert.fail();
  }, { kind: "malformed" });
});

// Patience

Deno.test("what may pass is tried once more while nothing has been said", async () => {
  const silentEnd = events(ended("STOP"));
  for (const first of [rpc(500, "INTERNAL"), rpc(503, "UNAVAILABLE"), events(), events("junk"), silentEnd]) {
    const answers = [first, events(said("Hello"), ended("STOP"))];
    await serving(() => answers.shift() ?? rpc(500, "INTERNAL"), async (base) => {
      const { said: text, usage } = await heard(patiently(gemini({ key: "k", base }), ask, patience));
      assert.equal(text, "Hello");
      assert.equal(answers.length, 0);
      // What the first try took counts, if it says so.
      const tries = first === silentEnd ? 2 : 1;
      assert.deepEqual(usage, { inputTokens: 12 * tries, outputTokens: 7 * tries });
    });
  }
});

Deno.test("what does not pass, and what has begun, is not tried again", async () => {
  const refusals: [Response, string][] = [
    [rpc(400, "INVALID_ARGUMENT", badKey), "key"],
    [rpc(403, "PERMISSION_DENIED"), "forbidden"],
    [rpc(429, "RESOURCE_EXHAUSTED", retryIn("23s")), "rate"],
    [events({ promptFeedback: { blockReason: "SAFETY" } }), "prompt_blocked"],
    [events(ended("SAFETY")), "declined"],
    [events(ended("MAX_TOKENS")), "too_long"],
    [events(said("He"), "junk"), "malformed"],
    [events(said("He")), "broken_off"],
  ];
  for (const [first, expected] of refusals) {
    const answers = [first, events(said("again"), ended("STOP"))];
    await serving(() => answers.shift()!, async (base) => {
      const { fault } = await heard(patiently(gemini({ key: "k", base }), ask, patience));
      assert.equal(fault, expected);
      assert.equal(answers.length, 1);
    });
  }
});

Deno.test("a rate limit that is over in a moment is waited for", async () => {
  const answers = [rpc(429, "RESOURCE_EXHAUSTED", retryIn("1s")), events(said("Hello"), ended("STOP"))];
  await serving(() => answers.shift()!, async (base) => {
    const begun = performance.now();
    const { said: text } = await heard(patiently(gemini({ key: "k", base }), ask, patience));
    assert.equal(text, "Hello");
    assert.ok(performance.now() - begun >= 1000);
  });
});

Deno.test("two that fail are a fault, and nobody there is one", async () => {
  let calls = 0;
  await serving(() => (calls++, rpc(503, "UNAVAILABLE")), async (base) => {
    assert.equal((await heard(patiently(gemini({ key: "k", base }), ask, patience))).fault, "overloaded");
    assert.equal(calls, 2);
  });
  const { fault } = await heard(patiently(gemini({ key: "k", base: nobody() }), ask, patience));
  assert.equal(fault, "unreachable");
});

Deno.test("silence ends, at the beginning and in the middle", async () => {
  await silent(async (base) => {
    const { fault } = await heard(patiently(gemini({ key: "k", base }), ask, patience));
    assert.equal(fault, "silent");
  });
  const halting: Provider = {
    async *stream(_, signal) {
      yield { delta: "He" };
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  };
  const heardOf = await heard(patiently(halting, ask, patience));
  assert.deepEqual([heardOf.said, heardOf.fault], ["He", "silent"]);
});

Deno.test("an answer that never ends is ended, and its request with it", async () => {
  let aborted = false;
  const rambling: Provider = {
    async *stream(_, signal) {
      signal.addEventListener("abort", () => aborted = true);
      while (true) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield { delta: "and " };
      }
    },
  };
  const { fault } = await heard(patiently(rambling, ask, { ...patience, all: 500 }));
  assert.equal(fault, "too_slow");
  assert.ok(aborted);
});

Deno.test("who stops listening ends the request", async () => {
  let aborted = false;
  const speaking: Provider = {
    async *stream(_, signal) {
      signal.addEventListener("abort", () => aborted = true);
      while (true) yield await Promise.resolve({ delta: "x" });
    },
  };
  for await (const _ of patiently(speaking, ask, patience)) break;
  assert.ok(aborted);
});

Deno.test("codes of faults are stable", () => {
  assert.deepEqual([...new Set(Object.values(FAULTS).map(({ code }) => code))].sort(), [
    "model_broken_off",
    "model_declined",
    "model_failed",
    "model_forbidden",
    "model_key_invalid",
    "model_malformed",
    "model_not_configured",
    "model_overloaded",
    "model_quota_used_up",
    "model_rate_limited",
    "model_request_refused",
    "model_said_nothing",
    "model_silent",
    "model_unknown",
    "model_unreachable",
  ]);
});
