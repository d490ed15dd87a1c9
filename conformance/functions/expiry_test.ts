// A token that ends while the companion answers.

import assert from "node:assert/strict";
import { chat, one, order, reply, running } from "./chat.ts";
import { fine, removeEverybody, signUp, url } from "./project.ts";
import { passedOn, serving } from "./servers.ts";

Deno.test("a token that ends in mid-stream ends nothing: the reply is streamed, stored, and replayed to a new one", async () => {
  const person = await signUp();
  let hasEnded = false;
  let refused = 0;
  // The project, to which the token is good until the reply is claimed.
  const project = async (request: Request) => {
    const { pathname } = new URL(request.url);
    const isTheirs = request.headers.get("authorization") === `Bearer ${person.accessToken}`;
    if (hasEnded && isTheirs) {
      refused++;
      return Response.json({ code: "PGRST303", message: "JWT expired", details: null, hint: null }, {
        status: 401,
      });
    }
    hasEnded ||= pathname.endsWith("/rpc/claim_reply");
    return await passedOn(request, url);
  };
  const sent = { id: crypto.randomUUID(), message_text: "Are you still there?" };
  await serving(project, (at) =>
    running({ SUPABASE_URL: at }, async (at) => {
      const exchange = await chat(person, sent, at);
      assert.deepEqual(order(exchange), ["message", "delta", "reply"]);
      const again = await chat(person, sent, at);
      assert.deepEqual([again.status, again.problem.code], [401, "token_expired"]);
      assert.ok(refused > 0);
      const refreshed = fine(await person.client.auth.refreshSession()).session!;
      const replay = await chat({ accessToken: refreshed.access_token }, sent, at);
      assert.deepEqual(order(replay), ["message", "delta", "reply"]);
      assert.deepEqual(reply(replay), reply(exchange));
      assert.deepEqual(one(replay, "message"), one(exchange, "message"));
    }));
});

Deno.test.afterAll(removeEverybody);
