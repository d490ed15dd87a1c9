// Reading as apps do: filters, order, pages, counts, HEAD, embedded rows.
// https://supabase.com/docs/reference/javascript/using-filters

import { type Person, signUp } from "./people.ts";
import { type Client, headers, publishableKey, request, service } from "./project.ts";
import { assert, fine, refused, test } from "./test.ts";

/** Texts with all that means something in a URL or a filter, an hour apart. */
const TEXTS = [
  "zero",
  "one",
  "two words",
  'commas, (brackets) and "quotes"',
  "back\\slash",
  "1+1=2 & more?",
  "100 % sure_ly",
  "ভালো আছি",
  "🎉 party",
  "a.dot:and:colons",
  "line\nbreak",
  "O'Brien *",
];
const instant = (n: number) => `2026-01-01T${String(n).padStart(2, "0")}:00:00.000001+00:00`;

const reader: Person & { sessionId: string } = await (async () => {
  const person = await signUp("Olga");
  const sessionId = fine(await person.client.rpc("start_session", { device_id: "reading" })).data;
  const rows = TEXTS.map((message_text, n) => ({
    user_id: person.id,
    message_text,
    created_at: instant(n),
    sender_type: n % 3 === 0 ? "ai" : "user",
    session_id: n < 4 ? sessionId : null,
  }));
  fine(await service.from("chat_messages").insert(rows));
  fine(
    await person.client.rpc("log_activity", {
      session_id: sessionId,
      activity: "chat.read",
      details: { page: { no: 7 } },
    }),
  );
  fine(await person.client.rpc("log_activity", { session_id: sessionId, activity: "chat.closed" }));
  return { ...person, sessionId };
})();

const messages = () => reader.client.from("chat_messages");
type Query = ReturnType<typeof select>;
const select = () => messages().select("message_text").order("created_at");
const texts = async (query: Query) => fine(await query).data.map((row) => row.message_text);
const those = (...numbers: number[]) => numbers.map((n) => TEXTS[n]);

for (const [n, text] of TEXTS.entries()) {
  test(`read: eq finds ${JSON.stringify(text)} and nothing else`, async () => {
    assert.deepEqual(await texts(select().eq("message_text", text)), [text]);
    // The client quotes what holds a comma or a bracket, and does not escape quotes in it.
    if (!text.includes('"')) {
      assert.deepEqual(await texts(select().in("message_text", [text, "nothing"])), [text]);
    }
    assert.deepEqual(
      await texts(select().neq("message_text", text)),
      TEXTS.filter((_, other) => other !== n),
    );
  });
}

const filters: Record<string, [(query: Query) => Query, string[]]> = {
  "gt and lte": [(q) => q.gt("created_at", instant(2)).lte("created_at", instant(4)), those(3, 4)],
  "gte and lt": [(q) => q.gte("created_at", instant(2)).lt("created_at", instant(4)), those(2, 3)],
  "in": [(q) => q.in("message_text", those(0, 2, 11)), those(0, 2, 11)],
  "like": [(q) => q.like("message_text", "%o"), those(0)],
  "like, with a star": [(q) => q.filter("message_text", "like", "*o"), those(0)],
  "ilike": [(q) => q.ilike("message_text", "O%"), those(1, 11)],
  "likeAllOf": [(q) => q.likeAllOf("message_text", ["%o%", "%w%"]), those(2)],
  "match, a regular expression": [(q) => q.filter("message_text", "match", "^[0-9]+"), those(5, 6)],
  "is null": [(q) => q.is("session_id", null).eq("sender_type", "ai"), those(6, 9)],
  "not is null": [(q) => q.not("session_id", "is", null), those(0, 1, 2, 3)],
  "not in": [(q) => q.not("message_text", "in", `("zero","one")`).not("session_id", "is", null), those(2, 3)],
  "or": [(q) => q.or("message_text.eq.zero,message_text.eq.one"), those(0, 1)],
  "or, quoted": [(q) => q.or(`message_text.eq."two words",message_text.eq."a.dot:and:colons"`), those(2, 9)],
  "or with and": [
    (q) => q.or("message_text.eq.zero,and(sender_type.eq.ai,session_id.is.null)"),
    those(0, 6, 9),
  ],
  "match": [(q) => q.match({ sender_type: "ai", session_id: reader.sessionId }), those(0, 3)],
  "a boolean": [(q) => q.is("counts", true).eq("message_text", "one"), those(1)],
  "a number that is null": [(q) => q.is("sentiment_score", null), those(0, 3, 6, 9)],
  "isDistinct": [(q) => q.filter("session_id", "isdistinct", reader.sessionId).limit(1), those(4)],
};
for (const [what, [filter, expected]] of Object.entries(filters)) {
  test(`read: ${what}`, async () => assert.deepEqual(await texts(filter(select())), expected));
}

test("read: limit and range, the last page short", async () => {
  assert.deepEqual(await texts(select().limit(3)), those(0, 1, 2));
  assert.deepEqual(await texts(select().range(3, 5)), those(3, 4, 5));
  assert.deepEqual(await texts(select().range(10, 19)), those(10, 11));
  assert.deepEqual(await texts(select().range(50, 59)), [], "beyond the end, uncounted, is empty");
});

test("read: newest first, by more than one column, nulls where they are asked for", async () => {
  assert.deepEqual(
    (await texts(messages().select("message_text").order("created_at", { ascending: false })))[0],
    TEXTS[11],
  );
  const ordered = messages().select("message_text").order("session_id", { nullsFirst: false })
    .order("created_at", { ascending: false });
  assert.deepEqual((await texts(ordered)).slice(0, 4), those(3, 2, 1, 0));
});

for (const count of ["exact", "planned", "estimated"] as const) {
  test(`read: the count, ${count}, with a page`, async () => {
    const answer = fine(await messages().select("id", { count }).range(0, 4));
    assert.equal(answer.data.length, 5);
    // A part of more rows; without the whole known it may be taken for all.
    assert.ok([200, 206].includes(answer.status));
    if (count === "exact") assert.deepEqual([answer.count, answer.status], [TEXTS.length, 206]);
    else assert.equal(typeof answer.count, "number");
  });
}

test("read: HEAD has the count and no rows", async () => {
  const answer = fine(await messages().select("*", { count: "exact", head: true }).eq("sender_type", "ai"));
  assert.deepEqual([answer.count, answer.data, answer.status], [4, null, 200]);
});

test("read: HEAD of what may not be read is refused, too", async () => {
  const answer = await request("/rest/v1/chat_messages?select=id", {
    method: "HEAD",
    headers: headers(publishableKey),
  });
  assert.equal(answer.status, 401);
});

test("read: Content-Range says which rows of how many", async () => {
  const range = async (path: string, prefer?: string) => {
    const { session } = reader;
    const answer = await request(`/rest/v1/${path}`, {
      headers: { ...headers(publishableKey, session.access_token), ...(prefer ? { prefer } : {}) },
    });
    await answer.body?.cancel();
    return [answer.status, answer.headers.get("content-range")];
  };
  assert.deepEqual(await range("chat_messages?limit=5"), [200, "0-4/*"]);
  assert.deepEqual(await range("chat_messages?limit=5&offset=5", "count=exact"), [206, "5-9/12"]);
  assert.deepEqual(await range("chat_messages", "count=exact"), [200, "0-11/12"]);
  assert.deepEqual(await range("chat_messages?id=is.null", "count=exact"), [200, "*/0"]);
});

test("read: select=* has every column, and named columns may be renamed and cast", async () => {
  const whole = fine(await messages().select("*").eq("message_text", "one").single()).data;
  const bare = fine(await messages().select().eq("message_text", "one").single()).data;
  assert.deepEqual(whole, bare);
  assert.equal(Object.keys(whole).length, 15);
  assert.equal(whole.created_at, instant(1), "an instant keeps its microseconds and its zone");
  const named = fine(
    await messages().select("said:message_text, seq::text").eq("message_text", "one").single(),
  );
  assert.deepEqual(named.data, { said: "one", seq: String(whole.seq) });
});

const activities = () => reader.client.from("session_activities");

test("read: an activity with its session, a session with its activities", async () => {
  const logged = fine(
    await activities().select("activity, user_sessions(device_id)").eq("activity", "chat.read").single(),
  );
  assert.deepEqual(logged.data, { activity: "chat.read", user_sessions: { device_id: "reading" } });

  const session = fine(
    await reader.client.from("user_sessions").select("device_id, session_activities(activity)")
      .order("activity", { referencedTable: "session_activities" }).eq("id", reader.sessionId).single(),
  );
  assert.deepEqual(session.data, {
    device_id: "reading",
    session_activities: [{ activity: "chat.closed" }, { activity: "chat.read" }],
  });
});

test("read: embedded rows may be filtered, limited, counted, and decide which rows there are", async () => {
  const sessions = () => reader.client.from("user_sessions");
  const limited = fine(
    await sessions().select("session_activities(activity)").neq(
      "session_activities.activity",
      "game.finished",
    )
      .order("activity", { referencedTable: "session_activities", ascending: false })
      .limit(1, { referencedTable: "session_activities" }).single(),
  );
  assert.deepEqual(limited.data.session_activities, [{ activity: "chat.read" }]);
  const inner = fine(await sessions().select("device_id, session_activities!inner(activity)"));
  assert.deepEqual(inner.data.map((row) => row.device_id), ["reading"]);
  const none = fine(
    await activities().select("id, user_sessions!inner()").eq("user_sessions.device_id", "another"),
  );
  assert.deepEqual(none.data, []);
  const named = fine(
    await activities().select("session:user_sessions!session_activities_session_fkey(device_id)").eq(
      "activity",
      "chat.read",
    ).single(),
  );
  assert.deepEqual(named.data, { session: { device_id: "reading" } });
});

test("read: a value inside JSON", async () => {
  const { data } = fine(
    await reader.client.from("session_activities").select("page:details->page->no, text:details->page->>no")
      .eq("details->page->>no", "7").single(),
  );
  assert.deepEqual(data, { page: 7, text: "7" } as unknown);
  const contained = fine(
    await reader.client.from("session_activities").select("activity").contains("details", {
      page: { no: 7 },
    }),
  );
  assert.equal(contained.data.length, 1);
});

test("read: rows of an RPC are filtered, ordered and counted as a table's", async () => {
  const answer = fine(
    await reader.client.rpc("chat_history", { page_size: 50 }, { count: "exact" }).select("message_text, seq")
      .eq("sender_type", "ai").order("seq", { ascending: false }).limit(2),
  );
  assert.deepEqual(answer.data.map((row) => row.message_text), those(9, 6));
  assert.equal(answer.count, 4);
});

test("read: an RPC that changes nothing answers GET and HEAD", async () => {
  const byGet = fine(await reader.client.rpc("chat_history", { page_size: 2 }, { get: true }));
  assert.deepEqual(byGet.data.map((row) => row.message_text), those(10, 11));
  const head = fine(
    await reader.client.rpc("chat_history", { page_size: 50 }, { head: true, count: "exact" }),
  );
  assert.deepEqual([head.data, head.count], [null, TEXTS.length]);
});

test("read: pages by their cursor are the whole conversation, each message once and in order", async () => {
  const pages: string[][] = [];
  let before_cursor: string | undefined;
  while (true) {
    const { data } = fine(await reader.client.rpc("chat_history", { page_size: 5, before_cursor }));
    if (data.length === 0) break;
    pages.unshift(data.map((row) => row.message_text));
    before_cursor = data[0].cursor;
  }
  assert.deepEqual(pages.map((page) => page.length), [2, 5, 5]);
  assert.deepEqual(pages.flat(), TEXTS);
});

test("read: a cursor that is cut is refused", async () => {
  const answer = await reader.client.rpc("chat_history", { before_cursor: "abc" });
  assert.ok(refused(answer, "22023", 400).hint);
});

test("read: what an argument may not be is refused, and says what it may", async () => {
  const { message, hint } = refused(
    await reader.client.rpc("chat_history", { page_size: 201 }),
    "22023",
    400,
  );
  assert.equal(message, "page_size must be between 1 and 200");
  assert.ok(hint);
  refused(await reader.client.rpc("mood_trend", { since: "yesterday-ish" }), "22007", 400);
  refused(await reader.client.rpc("touch_session", { session_id: "x" }), "22P02", 400);
});

test("read: CSV", async () => {
  const answer = fine(await messages().select("message_text, sender_type").eq("message_text", "one").csv());
  assert.equal(answer.data, "message_text,sender_type\none,user");
});

test("read: throwOnError throws what is refused", async () => {
  const refusal: Promise<unknown> = Promise.resolve(anonymously(reader.client).throwOnError());
  await assert.rejects(refusal, { code: "22P02" });
});

const anonymously = (client: Client) => client.from("chat_messages").select().eq("id", "x");

test("read: a request that is given up", async () => {
  const { error } = await messages().select().abortSignal(AbortSignal.abort());
  assert.match(error?.message ?? "", /abort/i);
});
