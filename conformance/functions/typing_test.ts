// "The companion is typing", as the person's other devices hear it.

import assert from "node:assert/strict";
import { chat, until } from "./chat.ts";
import { removeEverybody, signUp } from "./project.ts";

Deno.test({
  name: "the person's other devices see it begin and end, and nobody else does",
  // The client's socket and its heart beat on for a moment.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const [person, stranger] = [await signUp(), await signUp()];
    const heard = await Promise.all([person, stranger].map(async ({ id, client, accessToken }) => {
      const payloads: unknown[] = [];
      await client.realtime.setAuth(accessToken);
      const channel = client.channel(`user:${id}`, { config: { private: true } });
      channel.on(
        "broadcast",
        { event: "typing" },
        ({ payload }) => payloads.push([payload.on, payload.sender_type]),
      );
      await new Promise<void>((resolve, reject) => {
        channel.subscribe((status, error) => {
          if (status === "SUBSCRIBED") resolve();
          if (status === "CHANNEL_ERROR" || status === "TIMED_OUT") reject(error ?? new Error(status));
        });
      });
      return payloads;
    }));
    await chat(person, { message_text: "Are you there?" });
    await until(() => Promise.resolve(heard[0].length > 1));
    assert.deepEqual(heard, [[[true, "ai"], [false, "ai"]], []]);
    await Promise.all([person, stranger].map(({ client }) => client.removeAllChannels()));
  },
});

Deno.test.afterAll(removeEverybody);
