// Writing as an app does, and the refusals that docs/frontend.md explains.

import { owner } from "./cast.ts";
import { signUp } from "./people.ts";
import { type Insert, service } from "./project.ts";
import { assert, fine, refused, test } from "./test.ts";

type Message = Insert<"chat_messages">;

const onceOnly = { onConflict: "user_id,id", ignoreDuplicates: true } as const;
const messages = () => owner.client.from("chat_messages");
const stored = async (id: string) => fine(await messages().select().eq("id", id).maybeSingle()).data;
const fresh = (message_text = "I love this quiet morning."): Message & { id: string } => ({
  id: crypto.randomUUID(),
  message_text,
});

test("send: a retry with ignoreDuplicates changes nothing, and is no error", async () => {
  const message = fresh();
  const first = fine(await messages().upsert(message, onceOnly));
  assert.equal(first.status, 201);
  const before = await stored(message.id);
  const again = fine(
    await messages().upsert({ ...message, message_text: "Something else" }, onceOnly).select(),
  );
  assert.deepEqual(again.data, [], "what was not written is not answered");
  assert.deepEqual(await stored(message.id), before);
});

test("send: many at once, of which some were sent before", async () => {
  const [old, ...more] = [fresh("one"), fresh("two"), fresh("three")];
  fine(await messages().upsert(old, onceOnly));
  const sent = fine(await messages().upsert([old, ...more], onceOnly).select("id"));
  assert.deepEqual(sent.data.map(({ id }) => id).sort(), more.map(({ id }) => id).sort());
});

test("send: what was stored comes back with its mood when it is asked for", async () => {
  const sent = fine(
    await messages().insert(fresh("I am so happy!")).select("mood_detected, sentiment_score, sender_type")
      .single(),
  );
  assert.equal(sent.status, 201);
  assert.equal(sent.data.sender_type, "user");
  assert.equal(sent.data.mood_detected, "joy");
  assert.ok((sent.data.sentiment_score ?? 0) > 0.5);
});

test("send: unasked, the answer has no body", async () => {
  const sent = fine(await messages().insert(fresh()));
  assert.deepEqual([sent.status, sent.data], [201, null]);
});

test("send: rows with other columns each get the defaults", async () => {
  const rows = [fresh("with a session"), fresh("without")];
  const sent = fine(
    await messages().insert([{ ...rows[0], session_id: owner.sessionId }, rows[1]], { defaultToNull: false })
      .select(),
  );
  assert.deepEqual(sent.data.map((row) => row.session_id).sort(), [owner.sessionId, null].sort());
});

test("send: a merging upsert is refused", async () => {
  const message = fresh();
  fine(await messages().insert(message));
  refused(await messages().upsert(message, { onConflict: "user_id,id" }), "42501", 403);
});

test("send: an id that was sent before is a conflict", async () => {
  const message = fresh();
  fine(await messages().insert(message));
  const { message: said } = refused(await messages().insert(message), "23505", 409);
  assert.match(said, /duplicate key value violates unique constraint/);
});

test("send: a conflict on columns that are no key is refused", async () => {
  refused(
    await messages().upsert(fresh(), { onConflict: "message_text", ignoreDuplicates: true }),
    "42P10",
    400,
  );
});

for (
  const [what, values] of [
    ["the score", { sentiment_score: 1 }],
    ["the mood", { mood_detected: "joy" }],
    ["the sender", { sender_type: "ai" }],
    ["the time", { created_at: "2026-01-01T00:00:00Z" }],
    ["whether it counts", { counts: false }],
    ["another's name", { user_id: "00000000-0000-4000-8000-000000000000" }],
  ] as const
) {
  test(`send: ${what} is not the client's to say`, async () => {
    const message = fresh();
    refused(await messages().upsert({ ...message, ...values }, onceOnly), "42501", 403);
    assert.equal(await stored(message.id), null);
  });
}

for (
  const [what, message, code, status] of [
    ["nothing", { message_text: "" }, "23514", 400],
    ["what nobody sees", { message_text: "\u200b\u200b" }, "23514", 400],
    ["a bell", { message_text: "hi\u0007" }, "23514", 400],
    ["more than 8,000 characters", { message_text: "x".repeat(8001) }, "23514", 400],
    ["the character U+0000", { message_text: "a\u0000b" }, "22P05", 400],
    ["null", { message_text: null as unknown as string }, "23502", 400],
    ["an id that is none", { id: "1", message_text: "hi" }, "22P02", 400],
    ["a session that is not theirs", { message_text: "hi", session_id: crypto.randomUUID() }, "23503", 409],
  ] as const
) {
  test(`send: ${what} is refused with ${code}`, async () => {
    const error = refused(await messages().insert(message), code, status);
    assert.ok(error.message);
    if (code === "23514") assert.ok(error.hint, "and says what to do");
  });
}

test("edit: the text, and the mood follows", async () => {
  const message = fresh("I am so happy!");
  fine(await messages().insert(message));
  const change = { message_text: "I am so sad and lonely." };
  const edited = fine(await messages().update(change).eq("id", message.id).select().single());
  assert.equal(edited.status, 200);
  assert.notEqual(edited.data.mood_detected, "joy");
  assert.ok((edited.data.sentiment_score ?? 1) < 0.5);
  refused(await messages().update({ sentiment_score: 1 }).eq("id", message.id), "42501", 403);
  const silent = fine(await messages().update(change).eq("id", message.id));
  assert.deepEqual([silent.status, silent.data], [204, null]);
});

test("delete: it and what came of it are gone", async () => {
  const person = await signUp("Mira");
  const mine = person.client.from("chat_messages");
  const { data: { id } } = fine(await mine.insert({ message_text: "I am so happy!" }).select("id").single());
  const scored = fine(await person.client.from("sentiment_buckets").select("message_count"));
  assert.deepEqual(scored.data, [{ message_count: 1 }]);
  const deleted = fine(await person.client.from("chat_messages").delete().eq("id", id));
  assert.equal(deleted.status, 204);
  const left = fine(
    await person.client.from("sentiment_buckets").select("message_count").gt("message_count", 0),
  );
  assert.deepEqual(left.data, []);
});

test("delete: how many rows were deleted is counted, unseen", async () => {
  const message = fresh();
  fine(await messages().insert(message));
  const deleted = fine(await messages().delete({ count: "exact" }).eq("id", message.id));
  assert.deepEqual([deleted.status, deleted.count], [204, 1]);
});

test("profile: an upsert of their own settings merges", async () => {
  const person = await signUp("Nora");
  const profile = {
    display_name: "Nora N.",
    locale: "bn-BD",
    time_zone: "Asia/Dhaka",
    onboarding_state: "complete",
  };
  const profiles = person.client.from("companion_profiles");
  fine(await profiles.upsert(profile));
  const { data } = fine(await person.client.from("companion_profiles").select().single());
  assert.deepEqual({ ...data, ...profile }, data);
  const elsewhere = await person.client.from("companion_profiles").update({ time_zone: "Mars/Olympus" }).eq(
    "user_id",
    person.id,
  );
  assert.ok(refused(elsewhere, "23514", 400).hint);
});

test("service: the companion's words, and what was said long ago", async () => {
  const created_at = "2020-01-01T00:00:00.000001+00:00";
  const rows = [
    { user_id: owner.id, sender_type: "ai", message_text: "I am glad to hear that, it is wonderful!" },
    { user_id: owner.id, message_text: "Then", created_at },
  ];
  const { data } = fine(await service.from("chat_messages").insert(rows, { defaultToNull: false }).select());
  assert.deepEqual(data.map((row) => row.sender_type), ["ai", "user"]);
  assert.equal(data[0].mood_detected, null, "what the companion says is not scored");
  assert.equal(data[1].created_at, created_at, "to the microsecond");
  const theirs = fine(await messages().update({ message_text: "No" }).eq("id", data[0].id).select());
  assert.deepEqual(theirs.data, [], "the companion's words are not the owner's to edit");
});
