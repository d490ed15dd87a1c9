// Limits, accounts that cost nothing, and the other provider.

import assert from "node:assert/strict";
import { chat, one, order, said } from "./chat.ts";
import { anonymous, fine, removeEverybody, signUp } from "./project.ts";
import { connected, database, withSettings } from "./settings.ts";

Deno.test("anonymous accounts have the lower limit, and keep their message", async () => {
  const person = await anonymous();
  const first = Array.from({ length: 4 }, (_, n) => chat(person, { message_text: `Message ${n}.` }));
  for (const exchange of await Promise.all(first)) {
    assert.deepEqual(order(exchange), ["message", "delta", "reply"]);
  }
  const sent = { id: crypto.randomUUID(), message_text: "One more." };
  const exchange = await chat(person, sent);
  assert.deepEqual(order(exchange), ["message", "error"]);
  const { code, retry_after } = one(exchange, "error");
  assert.equal(code, "messages_per_minute");
  assert.ok(retry_after >= 1 && retry_after <= 60);
  const stored = await person.client.from("chat_messages").select("id").eq("id", sent.id);
  assert.equal(fine(stored).length, 1);
});

Deno.test({
  name: "tokens of a day, as the provider counts them",
  ignore: !database,
  fn: async () => {
    const person = await signUp();
    await withSettings({ tokens_per_day: 2500, reply_tokens: 600 }, async (at) => {
      const codes: string[] = [];
      for (let n = 0; n < 10 && codes.at(-1) !== "error"; n++) {
        const exchange = await chat(person, { message_text: `Message ${n}.` }, at);
        codes.push(exchange.events.at(-1)!.event);
        if (codes.at(-1) === "error") {
          const { code, retry_after } = one(exchange, "error");
          assert.equal(code, "tokens_per_day");
          assert.ok(retry_after > 0 && retry_after <= 86_400);
        }
      }
      assert.equal(codes[0], "reply");
      assert.equal(codes.at(-1), "error");
    });
    const [{ counted, sum }] = await connected((sql) =>
      sql`
      select (select tokens from bondhu.chat_usage where user_id = ${person.id}) as counted,
        (select sum(input_tokens + output_tokens) from bondhu.chat_replies where user_id = ${person.id}) as sum`
    );
    assert.equal(Number(counted), Number(sum), "nothing stays reserved");
    assert.ok(Number(counted) <= 2500);
  },
});

Deno.test({
  name: "the project's tokens of a day",
  ignore: !database,
  fn: async () => {
    await withSettings({ project_tokens_per_day: 0 }, async (at) => {
      const exchange = await chat(await signUp(), { message_text: "hello" }, at);
      assert.equal(one(exchange, "error").code, "project_tokens_per_day");
    });
  },
});

Deno.test({
  name: "a reply has no more tokens than settings allow, and says that it is cut",
  ignore: !database,
  fn: async () => {
    await withSettings({ reply_tokens: 16 }, async (at) => {
      const reply = one(await chat(await signUp(), { message_text: "hello [model: rambles]" }, at), "reply");
      assert.deepEqual([reply.is_cut, reply.finish_reason], [true, "max_tokens"]);
      assert.ok(reply.message_text.length <= 16 * 4);
    });
  },
});

Deno.test({
  name: "a reply that is longer than a message is cut there",
  ignore: !database,
  fn: async () => {
    await withSettings({ reply_tokens: 8000 }, async (at) => {
      const exchange = await chat(await signUp(), { message_text: "hello [model: rambles]" }, at);
      const reply = one(exchange, "reply");
      assert.deepEqual([reply.is_cut, reply.finish_reason], [true, "message_is_full"]);
      assert.ok(reply.message_text.length > 7900 && reply.message_text.length <= 8000);
      assert.equal(said(exchange).trim(), reply.message_text);
    });
  },
});

Deno.test({
  name: "the other provider answers alike, and fails alike",
  ignore: !database,
  fn: async () => {
    await withSettings({ provider: "openai", model: "llama" }, async (at) => {
      const exchange = await chat(await signUp(), { message_text: "hello" }, at);
      assert.deepEqual(order(exchange), ["message", "delta", "reply"]);
      assert.equal(one(exchange, "reply").finish_reason, "stop");
      const faults = {
        "bad key": "model_key_invalid",
        "rate": "model_rate_limited",
        "overloaded": "model_overloaded",
        "prompt blocked": "model_declined",
        "garbled": "model_malformed",
      };
      for (const [fault, code] of Object.entries(faults)) {
        const { events } = await chat(await signUp(), { message_text: `hello [model: ${fault}]` }, at);
        assert.equal(events.at(-1)!.data.code, code);
      }
      for (const [fault, reason] of [["unsafe midway", "content_filter"], ["reset midway", "broken_off"]]) {
        const reply = one(
          await chat(await signUp(), { message_text: `hello [model: ${fault}]` }, at),
          "reply",
        );
        assert.deepEqual([reply.is_cut, reply.finish_reason], [true, reason]);
      }
    });
  },
});

Deno.test.afterAll(removeEverybody);
