// Who may join which channel: `user:{user_id}` is its user's alone.
// https://supabase.com/docs/guides/realtime/authorization

import type { REALTIME_SUBSCRIBE_STATES as States } from "@supabase/supabase-js";
import { other, owner } from "./cast.ts";
import {
  type Client,
  clientWith,
  hasRealtime,
  headers,
  optional,
  publishableKey,
  request,
  secretKey,
} from "./project.ts";
import { assert, test } from "./test.ts";

const unless = !hasRealtime && "this project has no Realtime";
const LONGEST_WAIT_MS = 10_000;

/** A client that speaks as somebody, and no longer than `use` lasts. */
async function speaking(key: string, token: string | undefined, use: (client: Client) => Promise<void>) {
  const client = clientWith(key);
  if (token) await client.realtime.setAuth(token);
  try {
    await use(client);
  } finally {
    await client.removeAllChannels();
    await client.realtime.disconnect();
  }
}

function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: nothing for ${LONGEST_WAIT_MS} ms`)),
      LONGEST_WAIT_MS,
    );
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

type Channel = ReturnType<Client["channel"]>;

/** What a join comes to: the first status, and why. */
const join = (channel: Channel): Promise<{ status: `${States}`; why: string }> =>
  inTime(
    "joining",
    new Promise((resolve) => {
      channel.subscribe((status, error) => resolve({ status, why: error?.message ?? "" }));
    }),
  );

const isPrivate = { config: { private: true } };
const token = owner.session.access_token;
const stranger = other.session.access_token;

test("realtime: people join their own channel, and hear what their other devices send", async () => {
  await speaking(publishableKey, token, async (phone) => {
    await speaking(publishableKey, token, async (laptop) => {
      const topic = `user:${owner.id}`;
      const there = phone.channel(topic, isPrivate);
      const heard = new Promise((resolve) =>
        there.on("broadcast", { event: "typing" }, (message) => resolve(message.payload))
      );
      assert.equal((await join(there)).status, "SUBSCRIBED");
      const here = laptop.channel(topic, { config: { private: true, broadcast: { ack: true } } });
      assert.equal((await join(here)).status, "SUBSCRIBED");
      assert.equal(await here.send({ type: "broadcast", event: "typing", payload: { on: true } }), "ok");
      assert.deepEqual(await inTime("hearing", heard), { on: true });
    });
  });
}, unless);

test("realtime: they hear that a message of a session was stored", async () => {
  await speaking(publishableKey, token, async (phone) => {
    const there = phone.channel(`user:${owner.id}`, isPrivate);
    const id = crypto.randomUUID();
    const heard = new Promise<Record<string, unknown>>((resolve) =>
      there.on(
        "broadcast",
        { event: "message_stored" },
        ({ payload }) => payload.message_id === id && resolve(payload),
      )
    );
    assert.equal((await join(there)).status, "SUBSCRIBED");
    const { client } = owner;
    const started = await client.rpc("start_session", { device_id: "announcing" });
    assert.equal(started.error, null);
    const session_id = started.data;
    const sent = await client.from("chat_messages").insert({
      id,
      session_id,
      message_text: "The bus is late",
    });
    assert.equal(sent.error, null);
    const { message_id, sender_type, ...others } = await inTime("hearing", heard);
    assert.deepEqual([message_id, sender_type, others.session_id], [id, "user", session_id]);
    assert.ok(!JSON.stringify(others).includes("bus"), "ids, never text");
    assert.equal((await client.from("chat_messages").delete().eq("id", id)).error, null);
    assert.equal((await client.rpc("end_session", { session_id: session_id ?? "" })).error, null);
  });
}, unless);

for (
  const [who, key, accessToken] of [
    ["another user", publishableKey, stranger],
    ["anon", publishableKey, undefined],
  ] as const
) {
  test(`realtime: ${who} does not join it`, () =>
    speaking(key, accessToken, async (client) => {
      const { status, why } = await join(client.channel(`user:${owner.id}`, isPrivate));
      assert.equal(status, "CHANNEL_ERROR");
      assert.match(why, /Unauthorized: You do not have permissions to read from this Channel topic/);
    }), unless);
}

test(
  "realtime: nor does anybody a private channel that no policy names",
  () =>
    speaking(publishableKey, token, async (client) => {
      const { status, why } = await join(client.channel(`room:${crypto.randomUUID()}`, isPrivate));
      assert.deepEqual([status, /Unauthorized/.test(why)], ["CHANNEL_ERROR", true], why);
    }),
  unless,
);

test(
  "realtime: an expired token joins nothing",
  () =>
    speaking(publishableKey, optional.expiredAccessToken, async (client) => {
      const { status, why } = await join(client.channel(`user:${owner.id}`, isPrivate));
      assert.deepEqual([status, /expired/i.test(why)], ["CHANNEL_ERROR", true], why);
    }),
  unless || (!optional.expiredAccessToken && "EXPIRED_ACCESS_TOKEN is not set"),
);

for (
  const [who, key, accessToken, status] of [
    ["its user", publishableKey, token, 202],
    ["the secret key", secretKey, undefined, 202],
    ["another user", publishableKey, stranger, 403],
    ["anon", publishableKey, undefined, 403],
  ] as const
) {
  test(`realtime: ${who} ${status === 202 ? "sends" : "does not send"} there over HTTP`, async () => {
    const answer = await request(`/realtime/v1/api/broadcast/user:${owner.id}/events/typing?private=true`, {
      method: "POST",
      headers: { ...headers(key, accessToken), "content-type": "application/json" },
      body: JSON.stringify({ on: true }),
    });
    assert.equal(answer.status, status, await answer.text());
  }, unless);
}
