// Exchanges with the companion that the project has deployed: what comes, in which order, and what is stored.

import assert from "node:assert/strict";
import { chat, deployed, eventsOf, one, order, post, reply, said, until } from "./chat.ts";
import { fine, type Person, publishableKey, removeEverybody, service, signUp } from "./project.ts";

const person = await signUp();

/** The whole conversation, oldest first. */
async function conversation({ client }: Person) {
  return fine(await client.from("chat_messages").select("*").order("created_at").order("seq"));
}

Deno.test("an exchange: the message, the reply as it is written, the reply as it is stored", async () => {
  const id = crypto.randomUUID();
  const exchange = await chat(person, { id, message_text: "I got the job, I am so happy!" });
  assert.equal(exchange.status, 200);
  assert.deepEqual(order(exchange), ["message", "delta", "reply"]);
  const [message, answer] = await conversation(person);
  assert.deepEqual(one(exchange, "message"), message);
  assert.deepEqual([message.id, message.mood_detected], [id, "joy"]);
  const { is_cut, finish_reason, ...row } = one(exchange, "reply");
  assert.deepEqual([is_cut, finish_reason], [false, "stop"]);
  assert.deepEqual([row.id, row.sender_type, row.message_text], [answer.id, "ai", answer.message_text]);
  assert.equal(said(exchange), answer.message_text);
  assert.ok(exchange.events.length > 4, "it is streamed");
});

Deno.test("a browser may call it: preflight, and the headers of answers and refusals", async () => {
  const asked = { origin: "https://app.example.com", "access-control-request-method": "POST" };
  const headers = {
    ...asked,
    "access-control-request-headers": "authorization,apikey,content-type,x-client-info",
  };
  const preflight = await fetch(deployed, { method: "OPTIONS", headers });
  await preflight.body?.cancel();
  assert.ok(preflight.ok);
  assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
  const allowed = preflight.headers.get("access-control-allow-headers")?.split(/, ?/) ?? [];
  assert.ok(allowed.includes("authorization") && allowed.includes("x-client-info"));
  const refused = await post(undefined, "{}");
  await refused.body?.cancel();
  assert.equal(refused.headers.get("access-control-allow-origin"), "*");
});

Deno.test("supabase-js gives the stream", async () => {
  const body = { id: crypto.randomUUID(), message_text: "What a calm evening." };
  const { data, error } = await person.client.functions.invoke("chat", { body });
  assert.equal(error, null);
  const names: string[] = [];
  for await (const { event } of eventsOf(data)) names.push(event);
  assert.deepEqual([names[0], names.at(-1)], ["message", "reply"]);
});

Deno.test("the conversation before it is read", async () => {
  const { message_text } = one(await chat(person, { message_text: "Do you remember?" }), "reply");
  assert.match(message_text, /I have read 5 turns/);
});

Deno.test("a retry of what was answered replays it, and stores nothing", async () => {
  const sent = { id: crypto.randomUUID(), message_text: "Hello again." };
  const first = await chat(person, sent);
  const before = await conversation(person);
  for (let n = 0; n < 3; n++) {
    const again = await chat(person, sent);
    assert.deepEqual(order(again), ["message", "delta", "reply"]);
    assert.deepEqual(reply(again), reply(first));
    assert.equal(said(again), said(first));
  }
  assert.deepEqual(await conversation(person), before);
});

Deno.test("a message that was stored and never answered is answered by a retry", async () => {
  const sent = { id: crypto.randomUUID(), message_text: "Is somebody there?" };
  assert.equal((await person.client.from("chat_messages").insert(sent)).error, null);
  await chat(person, { message_text: "And another one meanwhile." });
  const exchange = await chat(person, sent);
  assert.deepEqual(order(exchange), ["message", "delta", "reply"]);
});

Deno.test("two tabs at once: one message, one reply, both are told", async () => {
  const sent = { id: crypto.randomUUID(), message_text: "Sent twice." };
  const exchanges = await Promise.all(Array.from({ length: 6 }, () => chat(person, sent)));
  const replies = new Set(exchanges.map((exchange) => JSON.stringify(reply(exchange))));
  assert.equal(replies.size, 1);
  for (const exchange of exchanges) assert.equal(said(exchange), one(exchange, "reply").message_text);
  const { id } = one(exchanges[0], "reply");
  const stored = (await conversation(person)).filter((row) => row.id === sent.id || row.id === id);
  assert.deepEqual(stored.map(({ sender_type }) => sender_type), ["user", "ai"]);
});

const other = await signUp();

Deno.test("a browser that leaves finds the reply when it comes back", async () => {
  for (const leavesAfter of ["message", "delta"]) {
    const sent = { id: crypto.randomUUID(), message_text: `I close the tab after the ${leavesAfter}.` };
    const tab = new AbortController();
    const answer = await post(other.accessToken, JSON.stringify(sent), deployed, tab.signal);
    for await (const { event } of eventsOf(answer)) if (event === leavesAfter) break;
    tab.abort();
    await until(async () => {
      const last = (await conversation(other)).at(-1);
      return last?.sender_type === "ai" && last;
    });
    const again = await chat(other, sent);
    assert.deepEqual(order(again), ["message", "delta", "reply"]);
  }
  assert.equal((await conversation(other)).length, 4);
});

Deno.test("a retry while it is being written joins", async () => {
  const sent = { id: crypto.randomUUID(), message_text: "The train goes into a tunnel." };
  const tab = new AbortController();
  const answer = await post(other.accessToken, JSON.stringify(sent), deployed, tab.signal);
  for await (const { event } of eventsOf(answer)) if (event === "delta") break;
  tab.abort();
  const again = await chat(other, sent);
  assert.deepEqual(order(again), ["message", "delta", "reply"]);
  const rows = await conversation(other);
  assert.equal(rows.filter(({ sender_type }) => sender_type === "ai").length, 3);
});

Deno.test("an id with another text, or of the companion's own message, is refused", async () => {
  const sent = { id: crypto.randomUUID(), message_text: "The first text." };
  const { id, message_text } = one(await chat(other, sent), "reply");
  for (
    const forged of [{ ...sent, message_text: "Another." }, {
      id,
      message_text,
    }]
  ) {
    const { status, problem } = await chat(other, forged);
    assert.deepEqual([status, problem.code], [409, "id_taken"]);
  }
});

Deno.test("who takes the place of a reply gets none", async () => {
  const sent = { id: crypto.randomUUID(), message_text: "Whose place is it?" };
  assert.equal((await other.client.from("chat_messages").insert(sent)).error, null);
  const of = { user_id: other.id, message_id: sent.id };
  const { reply_id, lease } = fine(await service.rpc("claim_reply", { ...of, prompt_tokens: 0 }));
  fine(await service.rpc("release_reply", { ...of, lease, used_tokens: 0 }));
  const place = { id: reply_id, message_text: "I am the companion." };
  assert.equal((await other.client.from("chat_messages").insert(place)).error, null);
  const exchange = await chat(other, sent);
  assert.deepEqual(order(exchange), ["message", "error"]);
  assert.equal(one(exchange, "error").code, "id_taken");
});

Deno.test("the same id of another user is another message", async () => {
  const id = crypto.randomUUID();
  const mine = await chat(other, { id, message_text: "Mine." });
  const stranger = await signUp();
  const theirs = await chat(stranger, { id, message_text: "Theirs." });
  assert.deepEqual([mine.status, theirs.status], [200, 200]);
  assert.equal(one(theirs, "message").message_text, "Theirs.");
  assert.equal((await conversation(stranger)).length, 2);
});

Deno.test("a session is one's own, and the reply is in it", async () => {
  const stranger = await signUp();
  const session_id = fine(await stranger.client.rpc("start_session", { device_id: "phone" }));
  const exchange = await chat(stranger, { message_text: "In a session.", session_id });
  assert.equal(one(exchange, "message").session_id, session_id);
  assert.equal(one(exchange, "reply").session_id, session_id);
  const another = await signUp();
  const { status, problem } = await chat(another, { message_text: "In a stranger's session.", session_id });
  assert.deepEqual([status, problem.code], [404, "session_unknown"]);
  assert.deepEqual(await conversation(another), []);
});

Deno.test("a text of 8,000 characters is a message, in any script", async () => {
  const stranger = await signUp();
  for (const message_text of ["a ".repeat(4000), "ক".repeat(8000), "🙂".repeat(6000)]) {
    const exchange = await chat(stranger, { message_text });
    assert.deepEqual(order(exchange), ["message", "delta", "reply"]);
  }
  for (
    const message_text of ["a".repeat(8001), "🙂".repeat(6001), "", " \u200b", "a\u0000", "a\u0007", "\ud800"]
  ) {
    const { status, problem } = await chat(stranger, { message_text });
    assert.deepEqual(
      [status, problem.code],
      [400, "message_invalid"],
      JSON.stringify(message_text.slice(0, 9)),
    );
  }
});

Deno.test("what is no request is refused before anything is stored", async () => {
  const id = crypto.randomUUID();
  const bodies: [string, number, string][] = [
    ["", 400, "request_invalid"],
    ["[]", 400, "request_invalid"],
    ["null", 400, "request_invalid"],
    ["{", 400, "request_invalid"],
    [JSON.stringify({ id }), 400, "request_invalid"],
    [JSON.stringify({ id: "1", message_text: "hi" }), 400, "request_invalid"],
    [JSON.stringify({ id, message_text: 1 }), 400, "request_invalid"],
    [JSON.stringify({ id, message_text: "hi", session_id: 1 }), 400, "request_invalid"],
    [JSON.stringify({ id, message_text: "a".repeat(200_000) }), 413, "request_too_large"],
  ];
  for (const [body, status, code] of bodies) {
    const answer = await post(person.accessToken, body);
    assert.deepEqual([answer.status, (await answer.json()).code], [status, code], body.slice(0, 60));
  }
  const got = await fetch(deployed, { headers: { authorization: `Bearer ${person.accessToken}` } });
  assert.deepEqual([got.status, (await got.json()).code], [405, "method_not_allowed"]);
});

Deno.test("only a user's token is one", async () => {
  const [head, claims, signature] = person.accessToken.split(".");
  const forged = btoa(JSON.stringify({ ...JSON.parse(atob(claims)), sub: other.id })).replace(/=+$/, "");
  const none = btoa('{"alg":"none"}').replace(/=+$/, "");
  const tokens: [string | undefined, string][] = [
    [undefined, "token_missing"],
    ["junk", "token_invalid"],
    [publishableKey, "token_invalid"],
    [`${head}.${forged}.${signature}`, "token_invalid"],
    [`${none}.${claims}.`, "token_invalid"],
    [Deno.env.get("SUPABASE_ANON_KEY") || "junk", "token_invalid"],
    [Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") || "junk", "token_invalid"],
  ];
  const expired = Deno.env.get("EXPIRED_ACCESS_TOKEN");
  if (expired) tokens.push([expired, "token_expired"]);
  for (const [token, code] of tokens) {
    const answer = await post(token, JSON.stringify({ id: crypto.randomUUID(), message_text: "hi" }));
    assert.deepEqual([answer.status, (await answer.json()).code], [401, code], token?.slice(0, 20));
  }
});

Deno.test.afterAll(removeEverybody);
