// What the Data API refuses by itself, with its codes: https://docs.postgrest.org/en/stable/references/errors.html.

import type { SupabaseClient } from "@supabase/supabase-js";
import { owner } from "./cast.ts";
import { headers, publishableKey, request } from "./project.ts";
import { assert, hasErrorBody, refused, test } from "./test.ts";

/** No type keeps these from being asked. */
const untyped = owner.client as unknown as SupabaseClient;

const ask = (path: string, init: RequestInit = {}) =>
  request(`/rest/v1/${path}`, {
    ...init,
    headers: {
      ...headers(publishableKey, owner.session.access_token),
      "content-type": "application/json",
      ...init.headers,
    },
  });

test("data api: a table that is not there", async () => {
  const { message } = refused(await untyped.from("no_such_table").select(), "PGRST205", 404);
  assert.equal(message, "Could not find the table 'public.no_such_table' in the schema cache");
});

test("data api: a private table is not there", async () => {
  refused(await untyped.from("provider_tokens").select(), "PGRST205", 404);
});

test("data api: a schema that is not exposed", async () => {
  refused(await untyped.schema("bondhu").from("settings").select(), "PGRST106", 406);
});

test("data api: a function that is not there", async () => {
  const { message } = refused(await untyped.rpc("no_such_function", { a: 1 }), "PGRST202", 404);
  assert.equal(message, "Could not find the function public.no_such_function(a) in the schema cache");
});

test("data api: a function with an argument that it has not", async () => {
  refused(await untyped.rpc("chat_history", { limit: 1 }), "PGRST202", 404);
});

test("data api: a function without an argument that it needs", async () => {
  refused(await untyped.rpc("begin_connect", { provider: "spotify" }), "PGRST202", 404);
});

test("data api: a column that is not there is not read", async () => {
  const { message } = refused(await untyped.from("chat_messages").select("text"), "42703", 400);
  assert.match(message, /column chat_messages\.text does not exist/);
});

test("data api: nor written", async () => {
  const { message } = refused(await untyped.from("chat_messages").insert({ text: "hi" }), "PGRST204", 400);
  assert.equal(message, "Could not find the 'text' column of 'chat_messages' in the schema cache");
});

test("data api: nor filtered by", async () => {
  refused(await untyped.from("chat_messages").select().eq("text", "hi"), "42703", 400);
});

test("data api: a table that has nothing to do with it is not embedded", async () => {
  const { message } = refused(
    await untyped.from("chat_messages").select("id, assessments(form)"),
    "PGRST200",
    400,
  );
  assert.match(message, /^Could not find a relationship between 'chat_messages' and 'assessments'/);
});

test("data api: a filter that nobody understands", async () => {
  refused(await untyped.from("chat_messages").select().filter("id", "resembles", "x"), "PGRST100", 400);
});

test("data api: one row, where there are more or none", async () => {
  const more = refused(await owner.client.from("chat_messages").select().single(), "PGRST116", 406);
  assert.equal(more.message, "Cannot coerce the result to a single JSON object");
  const id = crypto.randomUUID();
  refused(await owner.client.from("chat_messages").select().eq("id", id).single(), "PGRST116", 406);
  const perhaps = await owner.client.from("chat_messages").select().eq("id", id).maybeSingle();
  assert.deepEqual([perhaps.data, perhaps.error], [null, null]);
});

for (
  const [what, path, init, code, status] of [
    ["a value that is no uuid", "chat_messages?id=eq.x", {}, "22P02", 400],
    ["an instant that is none", "chat_messages?created_at=gt.yesterday-ish", {}, "22007", 400],
    ["a body that is no JSON", "chat_messages", { method: "POST", body: "{" }, "PGRST102", 400],
    ["no body", "chat_messages", { method: "POST", body: "" }, "PGRST102", 400],
    [
      "a page beyond the end",
      "chat_messages?offset=1000",
      { headers: { prefer: "count=exact" } },
      "PGRST103",
      416,
    ],
    ["a page of less than nothing", "chat_messages?limit=-1", {}, "PGRST103", 416],
    ["a select that breaks off", "chat_messages?select=id,(", {}, "PGRST100", 400],
    ["an order that is none", "chat_messages?order=id.sideways", {}, "PGRST100", 400],
    ["a function of which rows are deleted", "rpc/chat_history", { method: "DELETE" }, "PGRST101", 405],
    ["a path that leads nowhere", "a/b/c", {}, "PGRST125", 404],
  ] as const
) {
  test(`data api: ${what} is refused with ${code}`, async () => {
    const answer = await ask(path, init);
    const body = await answer.json();
    hasErrorBody(body);
    assert.deepEqual([body.code, answer.status], [code, status], body.message);
  });
}

test("data api: a media type that it does not have", async () => {
  const answer = await ask("chat_messages?select=id", { headers: { accept: "application/unknown" } });
  const body = await answer.json();
  assert.deepEqual([body.code, answer.status], ["PGRST107", 406]);
});

test("data api: a function that changes something is not called with GET", async () => {
  const answer = await ask("rpc/start_session?device_id=get");
  const body = await answer.json();
  assert.deepEqual([body.code, answer.status], ["25006", 405]);
});
