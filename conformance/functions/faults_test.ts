// What the client is told of whatever goes wrong with the model, and what is stored then.

import assert from "node:assert/strict";
import { chat, one, order, reply, running, said } from "./chat.ts";
import { fine, removeEverybody, signUp } from "./project.ts";

/** The stand-in does what is in the brackets. With the shortest patience. */
const IMPATIENT = { BONDHU_MODEL_FIRST_SECONDS: "3", BONDHU_MODEL_NEXT_SECONDS: "3" };

async function replies(person: Awaited<ReturnType<typeof signUp>>) {
  return fine(await person.client.from("chat_messages").select("*").eq("sender_type", "ai"));
}

/** By what the model does: the code, and when to try again. Nothing is stored. */
const ERRORS: Record<string, [code: string, retryAfter: number | undefined]> = {
  "bad key": ["model_key_invalid", undefined],
  "bad request": ["model_request_refused", undefined],
  "forbidden": ["model_forbidden", undefined],
  "not found": ["model_unknown", undefined],
  "rate": ["model_rate_limited", 23],
  "failed": ["model_failed", 10],
  "overloaded": ["model_overloaded", 20],
  "prompt blocked": ["model_declined", undefined],
  "unsafe": ["model_declined", undefined],
  "nothing": ["model_said_nothing", 5],
  "thinks too long": ["model_said_nothing", undefined],
  "garbled": ["model_malformed", 10],
  "silent": ["model_silent", 10],
};

/** By what the model does in the middle: why the reply is cut. It is stored. */
const CUTS: Record<string, string> = {
  "unsafe midway": "safety",
  "recitation midway": "recitation",
  "other midway": "other",
  "garbled midway": "malformed",
  "reset midway": "broken_off",
  "ends midway": "broken_off",
  "silent midway": "silent",
  "fails midway": "overloaded",
  "rambles": "max_tokens",
};

Deno.test("every fault of the model has its code, its cut or its second try", async (t) => {
  await running(IMPATIENT, async (at, log) => {
    for (const [what, [code, retryAfter]] of Object.entries(ERRORS)) {
      await t.step(`${what}: ${code}`, async () => {
        const person = await signUp();
        const sent = { id: crypto.randomUUID(), message_text: `hello [model: ${what}]` };
        for (let n = 0; n < 2; n++) {
          const exchange = await chat(person, sent, at);
          assert.deepEqual(order(exchange), ["message", "error"]);
          const { message, ...error } = one(exchange, "error");
          assert.deepEqual(error, retryAfter === undefined ? { code } : { code, retry_after: retryAfter });
          assert.match(message, /^[A-Z].*\.$/);
        }
        assert.deepEqual(await replies(person), []);
      });
    }
    await t.step("reset: model_unreachable or broken off", async () => {
      const exchange = await chat(await signUp(), { message_text: "hello [model: reset]" }, at);
      assert.match(one(exchange, "error").code, /^model_(unreachable|broken_off)$/);
    });
    for (const [what, reason] of Object.entries(CUTS)) {
      await t.step(`${what}: kept, ${reason}`, async () => {
        const person = await signUp();
        const sent = { id: crypto.randomUUID(), message_text: `hello [model: ${what}]` };
        const exchange = await chat(person, sent, at);
        assert.deepEqual(order(exchange), ["message", "delta", "reply"]);
        const first = reply(exchange);
        assert.deepEqual([first.is_cut, first.finish_reason], [true, reason]);
        assert.equal(said(exchange).trim(), first.message_text);
        const again = await chat(person, sent, at);
        assert.deepEqual(reply(again), first);
        assert.deepEqual((await replies(person)).map(({ message_text }) => message_text), [
          first.message_text,
        ]);
      });
    }
    for (const what of ["failed", "overloaded", "garbled", "reset", "nothing", "silent", "rate briefly"]) {
      await t.step(`${what} once: nobody notices`, async () => {
        const message_text = `hello [model: ${what} once] ${crypto.randomUUID()}`;
        const exchange = await chat(await signUp(), { message_text }, at);
        assert.deepEqual(order(exchange), ["message", "delta", "reply"]);
        assert.equal(one(exchange, "reply").is_cut, false);
      });
    }
    await t.step("the log has codes, and nothing that anybody wrote", () => {
      const lines = log().trim().split("\n");
      assert.ok(lines.length > 10);
      for (const line of lines) {
        const { function: name, code, ...rest } = JSON.parse(line);
        assert.deepEqual([name, rest], ["chat", {}]);
        assert.match(code, /^[a-z_0-9 ]+$/);
      }
    });
  });
});

Deno.test("without a key, without Redis and without a worker", async (t) => {
  await running({ GEMINI_API_KEY: "", OPENAI_API_KEY: "" }, async (at) => {
    await t.step("no key: the message is stored, and the client told", async () => {
      const exchange = await chat(await signUp(), { message_text: "hello" }, at);
      assert.deepEqual(order(exchange), ["message", "error"]);
      assert.deepEqual(one(exchange, "error").code, "model_not_configured");
    });
  });
  const nothing = { UPSTASH_REDIS_REST_URL: "", BONDHU_WORKER_URL: "http://127.0.0.1:1" };
  await running(nothing, async (at) => {
    await t.step("Postgres alone is enough", async () => {
      const person = await signUp();
      await chat(person, { message_text: "one" }, at);
      const exchange = await chat(person, { message_text: "two" }, at);
      assert.match(said(exchange), /I have read 3 turns/);
    });
  });
});

Deno.test.afterAll(removeEverybody);
