// A function that is killed: nothing is lost, nothing is said twice, and no lease is stuck past its time.

import assert from "node:assert/strict";
import { chat, order, reply, running, said } from "./chat.ts";
import { fine, removeEverybody, signUp } from "./project.ts";
import { connected, database, withSettings } from "./settings.ts";

const [ROUNDS, PEOPLE] = [5, 10];
/** Longer than an exchange takes. */
const SPREAD = 1200;

Deno.test({
  name: `killed at ${ROUNDS * PEOPLE} moments`,
  ignore: !database,
  fn: async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const people = await Promise.all(Array.from({ length: PEOPLE }, signUp));
      const sent = people.map((_, n) => ({
        id: crypto.randomUUID(),
        message_text: `Number ${n} of ${round}.`,
      }));
      await withSettings({ lease_seconds: 10 }, async (at, kill) => {
        const begun = people.map(async (person, n) => {
          await new Promise((resolve) => setTimeout(resolve, (n + Math.random()) * SPREAD / PEOPLE));
          await chat(person, sent[n], at).catch(() => undefined);
        });
        await new Promise((resolve) => setTimeout(resolve, SPREAD));
        kill();
        await Promise.all(begun);
      });
      await running({}, async (at) => {
        const exchanges = await Promise.all(people.map((person, n) => chat(person, sent[n], at)));
        for (const [n, exchange] of exchanges.entries()) {
          assert.deepEqual(order(exchange), ["message", "delta", "reply"]);
          const stored = await people[n].client.from("chat_messages").select("sender_type, message_text")
            .order("seq");
          assert.deepEqual(fine(stored), [
            { sender_type: "user", message_text: sent[n].message_text },
            { sender_type: "ai", message_text: reply(exchange).message_text },
          ]);
          assert.equal(said(exchange), reply(exchange).message_text);
        }
      });
      const ids = people.map(({ id }) => id);
      const left = await connected((sql) =>
        sql`select lease, reserved_tokens from bondhu.chat_replies
          where user_id = any(${ids}) and (lease is not null or reserved_tokens > 0)`
      );
      assert.equal(left.length, 0);
    }
  },
});

Deno.test.afterAll(removeEverybody);
