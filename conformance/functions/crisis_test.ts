// Somebody in danger: what is shown first, and what is never said. docs/safety.md

import assert from "node:assert/strict";
import { load } from "../../supabase/functions/_shared/bondhu.ts";
import { chat, type Exchange, one, order, reply, running, said } from "./chat.ts";
import { fine, removeEverybody, signUp } from "./project.ts";

const { safeReply } = await load();
const CRISIS = "I want to die.";

function helped(exchange: Exchange): void {
  const help = one(exchange, "help");
  assert.equal(help.url, "https://findahelpline.com");
  assert.ok(help.text.length > 20);
  assert.deepEqual(order(exchange), ["message", "help", "delta", "reply"]);
  assert.equal(exchange.events.filter(({ event }) => event === "delta").length, 1, "nothing is said in part");
  assert.equal(said(exchange), one(exchange, "reply").message_text);
}

Deno.test("help comes before anything that is said, with the person's country", async () => {
  const person = await signUp();
  fine(
    await person.client.from("companion_profiles").update({ locale: "bn-BD" }).eq("user_id", person.id)
      .select(),
  );
  // Help does not wait long for the country: what has to start has started.
  await chat(person, { message_text: "Hello." });
  const sent = { id: crypto.randomUUID(), message_text: CRISIS };
  const exchange = await chat(person, sent);
  helped(exchange);
  assert.equal(one(exchange, "help").country, "BD");
  assert.equal(one(exchange, "message").support_level, "crisis");
  assert.match(said(exchange), /listening/);
  helped(await chat(person, sent));
});

Deno.test("help stays after a crisis, and is nobody else's", async () => {
  const person = await signUp();
  await chat(person, { message_text: CRISIS });
  helped(await chat(person, { message_text: "What a nice day." }));
  const other = await chat(await signUp(), { message_text: "What a nice day." });
  assert.deepEqual(order(other), ["message", "delta", "reply"]);
});

Deno.test("a reply that speaks of methods, or promises secrecy, is not sent", async () => {
  for (const fault of ["method", "secrecy"]) {
    const person = await signUp();
    const exchange = await chat(person, { message_text: `${CRISIS} [model: ${fault}]` });
    helped(exchange);
    assert.equal(said(exchange), safeReply);
    assert.equal(one(exchange, "reply").finish_reason, `replaced: ${fault}`);
    const stored = await person.client.from("chat_messages").select("message_text").eq("sender_type", "ai");
    assert.deepEqual(fine(stored), [{ message_text: safeReply }]);
    const calm = await chat(await signUp(), { message_text: `Hello [model: ${fault}]` });
    assert.notEqual(said(calm), safeReply);
  }
});

Deno.test("help and a safe reply come whatever the model does", async (t) => {
  const impatient = { BONDHU_MODEL_FIRST_SECONDS: "3", BONDHU_MODEL_NEXT_SECONDS: "3" };
  await running(impatient, async (at, log) => {
    for (
      const fault of [
        "overloaded",
        "bad key",
        "rate",
        "prompt blocked",
        "unsafe",
        "unsafe midway",
        "reset midway",
        "silent",
        "silent midway",
        "garbled",
        "nothing",
      ]
    ) {
      await t.step(fault, async () => {
        const person = await signUp();
        const sent = { id: crypto.randomUUID(), message_text: `${CRISIS} [model: ${fault}]` };
        const exchange = await chat(person, sent, at);
        helped(exchange);
        assert.equal(said(exchange), safeReply);
        assert.match(one(exchange, "reply").finish_reason, /^replaced: /);
        assert.deepEqual(reply(await chat(person, sent, at)), reply(exchange));
      });
    }
    assert.ok(!log().includes("die"));
  });
  await running({ GEMINI_API_KEY: "" }, async (at) => {
    await t.step("no key", async () => {
      const exchange = await chat(await signUp(), { message_text: CRISIS }, at);
      helped(exchange);
      assert.equal(said(exchange), safeReply);
    });
  });
  await running({ GEMINI_BASE_URL: "http://127.0.0.1:1" }, async (at) => {
    await t.step("nobody there", async () => {
      const exchange = await chat(await signUp(), { message_text: CRISIS }, at);
      helped(exchange);
      assert.equal(said(exchange), safeReply);
    });
  });
});

Deno.test("help comes even where the function may not ask the database for more", async () => {
  await running({ SUPABASE_SECRET_KEYS: JSON.stringify({ default: "sb_secret_wrong" }) }, async (at) => {
    const person = await signUp();
    const exchange = await chat(person, { message_text: CRISIS }, at);
    assert.deepEqual(order(exchange), ["message", "help", "error"]);
    assert.equal(one(exchange, "error").code, "database_unavailable");
    assert.equal(fine(await person.client.from("chat_messages").select("id")).length, 1);
  });
});

Deno.test("a limit does not keep help away", async () => {
  const person = await signUp();
  await Promise.all(Array.from({ length: 12 }, (_, n) => chat(person, { message_text: `Message ${n}.` })));
  const exchange = await chat(person, { message_text: CRISIS });
  assert.deepEqual(order(exchange), ["message", "help", "error"]);
  const { code, retry_after } = one(exchange, "error");
  assert.equal(code, "messages_per_minute");
  assert.ok(retry_after >= 1 && retry_after <= 60);
});

Deno.test.afterAll(removeEverybody);
