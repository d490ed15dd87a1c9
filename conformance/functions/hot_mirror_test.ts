// Hot documents of a whole project: whatever is wrong with Redis, its mirror or the worker, an answer is the
// one that Postgres gives.

import assert from "node:assert/strict";
import { load } from "../../supabase/functions/_shared/bondhu.ts";
import {
  dataApi,
  type Hot,
  hotDocuments,
  type Reader,
  type Redis,
  upstash,
} from "../../supabase/functions/_shared/hot.ts";
import {
  fine,
  type Person,
  publishableKey,
  redisToken,
  redisUrl,
  removeEverybody,
  signUp,
  url,
  workerUrl,
} from "./project.ts";
import { nobody, silent } from "./servers.ts";

const bondhu = await load();
const postgres = dataApi(url, publishableKey);
const real = upstash(redisUrl, redisToken);
const DOCUMENTS = bondhu.documents.map(({ name }) => name);

/** A command of Redis, as its owner. */
async function command(...words: (string | number)[]): Promise<unknown> {
  const answer = await fetch(redisUrl, {
    method: "POST",
    headers: { authorization: `Bearer ${redisToken}`, "content-type": "application/json" },
    body: JSON.stringify(words),
  });
  return (await answer.json()).result;
}

/** Somebody with some messages, and how they read as of now. */
async function somebody(): Promise<
  { person: Person; reader: () => Promise<Reader>; write: () => Promise<void> }
> {
  const person = await signUp();
  const write = async () => {
    const message_text = `I am so happy today! (${crypto.randomUUID()})`;
    const { error } = await person.client.from("chat_messages").insert({ message_text });
    if (error) throw error;
  };
  for (let n = 0; n < 6; n++) await write();
  const reader = async () => ({
    userId: person.id,
    accessToken: person.accessToken,
    minLsn: fine(await person.client.rpc("commit_position")),
  });
  return { person, reader, write };
}

/** Without the instant that it is exact as of, which may differ. */
function figures(data: unknown): unknown {
  if (data === null || typeof data !== "object" || Array.isArray(data)) return data;
  const { as_of: _, ...rest } = data as Record<string, unknown>;
  return rest;
}

async function isPostgres(document: Parameters<typeof postgres>[0], hot: Hot, reader: Reader): Promise<void> {
  const truth = await postgres(document, reader, AbortSignal.timeout(5000));
  assert.deepEqual(figures(hot.data), figures(truth), `${document} from ${hot.source}`);
}

/** Redis as it is, but for what a fault makes of the two texts. */
function broken(fault: (held: (string | null)[]) => (string | null)[]): Redis {
  return { texts: async (keys, signal) => fault(await real.texts(keys, signal)) };
}

const edited = (text: string | null, edit: Record<string, unknown>) =>
  text === null ? null : JSON.stringify({ ...JSON.parse(text), ...edit });

const { person, reader, write } = await somebody();

Deno.test("what was written is read, from Redis too", async () => {
  const read = hotDocuments({ redis: real, worker: workerUrl, postgres });
  const sources = new Set<string>();
  for (let n = 0; n < 20; n++) {
    await write();
    const now = await reader();
    for (const document of ["chat_history", "personality_context"] as const) {
      const hot = await read(document, now);
      sources.add(hot.source);
      await isPostgres(document, hot, now);
    }
  }
  // Filled by the worker; without a position to wait for, Redis serves it.
  const { minLsn: _, ...anytime } = await reader();
  await read("chat_history", anytime);
  assert.equal((await read("chat_history", anytime)).source, "redis");
});

Deno.test("every document is the one of Postgres, twice", async () => {
  const read = hotDocuments({ redis: real, worker: workerUrl, postgres });
  for (const document of DOCUMENTS) {
    const now = await reader();
    await isPostgres(document, await read(document, now), now);
    await isPostgres(document, await read(document, now), now);
  }
});

const FAULTS: Record<string, (held: (string | null)[]) => (string | null)[]> = {
  "flushed": () => [null, null],
  "without a watermark": ([, value]) => [null, value],
  "with an old watermark": ([watermark, value]) => [edited(watermark, { ts: 1_600_000_000_000 }), value],
  "with a watermark ahead of the clock": (
    [watermark, value],
  ) => [edited(watermark, { ts: Date.now() + 60_000 }), value],
  "of a newer epoch": ([watermark, value]) => [edited(watermark, { epoch: "ffffffff" }), value],
  "of newer settings": ([watermark, value]) => [edited(watermark, { settings: 1e9 }), value],
  "with junk for a watermark": ([, value]) => ["}{", value],
  "with junk for a value": ([watermark]) => [watermark, "\u0000{".repeat(1000)],
  "with another document's shape": ([watermark]) => [watermark, '{"data": {"forged": true}}'],
  "with an old value": (
    [watermark, value],
  ) => [watermark, edited(value, { v: "0000000000000000000000000", data: { forged: true } })],
};

for (const [name, fault] of Object.entries(FAULTS)) {
  Deno.test(`Redis ${name}: the answer is Postgres'`, async () => {
    const read = hotDocuments({ redis: broken(fault), worker: workerUrl, postgres });
    for (const document of ["chat_history", "personality_context"] as const) {
      const now = await reader();
      const hot = await read(document, now);
      assert.notEqual(hot.source, "redis");
      await isPostgres(document, hot, now);
    }
  });
}

Deno.test("what others write under the user's own keys is not served", async () => {
  const key = bondhu.documentKey("chat_history", person.id);
  const read = hotDocuments({ redis: real, worker: workerUrl, postgres });
  const held = await command("GET", key);
  const forgeries = [
    "junk",
    "",
    '{"data":[]}',
    JSON.stringify({ v: "00000001000000000000ffff", as_of: new Date().toISOString(), data: ["forged"] }),
  ];
  if (typeof held === "string") forgeries.push(held.slice(0, -10));
  for (const forgery of forgeries) {
    await command("SET", key, forgery, "EX", 60);
    const now = await reader();
    await isPostgres("chat_history", await read("chat_history", now), now);
  }
  await command("DEL", key);
  const now = await reader();
  await isPostgres("chat_history", await read("chat_history", now), now);
});

Deno.test("an evicted document is read, and filled anew", async () => {
  const read = hotDocuments({ redis: real, worker: workerUrl, postgres });
  await command("DEL", bondhu.documentKey("personality_context", person.id));
  const { minLsn: _, ...now } = await reader();
  const first = await read("personality_context", now);
  assert.notEqual(first.source, "redis");
  await isPostgres("personality_context", first, now);
  const second = await read("personality_context", now);
  await isPostgres("personality_context", second, now);
});

Deno.test("without a worker, Redis or both, Postgres answers in time", async () => {
  await silent(async (hanging) => {
    for (const worker of [nobody(), hanging]) {
      for (
        const redis of [undefined, upstash(nobody(), "x"), upstash(hanging, "x"), broken(() => [null, null])]
      ) {
        const read = hotDocuments({ redis, worker, postgres });
        const now = await reader();
        const begun = performance.now();
        const hot = await read("chat_history", now);
        assert.ok(performance.now() - begun < 3000);
        assert.equal(hot.source, "postgres");
        await isPostgres("chat_history", hot, now);
      }
    }
  });
});

Deno.test("a stranger's token reads nothing of somebody else's from the worker or Postgres", async () => {
  const other = await signUp();
  const read = hotDocuments({ worker: workerUrl, postgres });
  const hot = await read("chat_history", { userId: person.id, accessToken: other.accessToken });
  assert.deepEqual(hot.data ?? [], []);
});

Deno.test.afterAll(removeEverybody);
