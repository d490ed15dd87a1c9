// How hot documents are read, without a project: what is asked of whom, and what is made of the answers.

import assert from "node:assert/strict";
import { load } from "../../supabase/functions/_shared/bondhu.ts";
import { hotDocuments, type Postgres, type Reader, upstash } from "../../supabase/functions/_shared/hot.ts";
import { nobody, serving, silent } from "./servers.ts";

const USER = "abcdef01-1111-4111-8111-111111111111";
const reader: Reader = { userId: USER, accessToken: "token", minLsn: "0/64" };
const postgres: Postgres = () => Promise.resolve({ from: "postgres" });
const patience = { redis: 100, worker: 100, postgres: 100 };

/** A watermark and a value that count now. */
function texts(): [string, string] {
  const epoch = "00000001", lsn = "0000000000000064";
  const now = Date.now();
  const watermark = { epoch, lsn, ts: now, system: "1", timeline: 1, leader: "one", apart: 0, settings: 1 };
  const as_of = new Date(now).toISOString();
  const value = { v: epoch + lsn, as_of, until: null, settings: 1, data: { from: "redis" } };
  return [JSON.stringify(watermark), JSON.stringify(value)];
}

Deno.test("redis: the watermark and the value are one command, the watermark first", async () => {
  const commands: unknown[] = [];
  const answer = async (request: Request) => {
    assert.equal(request.headers.get("authorization"), "Bearer secret");
    commands.push(await request.json());
    return Response.json({ result: texts() });
  };
  await serving(answer, async (url) => {
    const read = hotDocuments({ redis: upstash(url, "secret"), postgres });
    assert.deepEqual(await read("chat_history", reader), { data: { from: "redis" }, source: "redis" });
  });
  assert.deepEqual(commands, [["MGET", "mirror:state", `chat:history:{${USER}}:50`]]);
});

Deno.test("redis: what the rule does not allow is a miss", async () => {
  const [watermark, value] = texts();
  const old = JSON.stringify({ ...JSON.parse(watermark), ts: 1_600_000_000_000 });
  const stale = JSON.stringify({ ...JSON.parse(watermark), epoch: "00000002" });
  for (const held of [[null, value], [watermark, null], [old, value], [stale, value], [watermark, "junk"]]) {
    const redis = { texts: () => Promise.resolve(held) };
    const { source } = await hotDocuments({ redis, postgres })("chat_history", reader);
    assert.equal(source, "postgres", JSON.stringify(held));
  }
  const redis = { texts: () => Promise.resolve(texts()) };
  const read = hotDocuments({ redis, postgres });
  assert.equal((await read("chat_history", reader)).source, "redis");
  assert.equal((await read("chat_history", { ...reader, minLsn: "0/65" })).source, "postgres");
});

Deno.test("redis: what it is about to have is read from Postgres: the worker would wait for it", async () => {
  let asked = 0;
  await serving(() => Response.json(++asked), async (worker) => {
    const [watermark, value] = texts();
    const redis = { texts: () => Promise.resolve([watermark, value]) };
    const read = hotDocuments({ redis, worker, postgres });
    assert.equal((await read("chat_history", { ...reader, minLsn: "0/65" })).source, "postgres");
    assert.equal(asked, 0);
  });
});

Deno.test("redis: answers that are none are no documents", async () => {
  const bodies = [
    "junk",
    "{}",
    "[]",
    '{"result":[]}',
    '{"result":[1,2]}',
    '{"result":"x"}',
    '{"error":"WRONGPASS"}',
    '{"result":[null,null,null]}',
  ];
  for (const body of bodies) {
    await serving(() => new Response(body), async (url) => {
      const read = hotDocuments({ redis: upstash(url, "secret"), postgres });
      assert.equal((await read("chat_history", reader)).source, "postgres", body);
    });
  }
});

Deno.test("redis: one that fails or is silent is passed by, and left alone for a while", async () => {
  await silent(async (hanging) => {
    for (const url of [hanging, nobody()]) {
      const read = hotDocuments({ redis: upstash(url, "secret"), postgres, patience });
      assert.equal((await read("chat_history", reader)).source, "postgres");
      const begun = performance.now();
      assert.equal((await read("chat_history", reader)).source, "postgres");
      assert.ok(performance.now() - begun < 50, "it was asked again");
    }
  });
});

Deno.test("worker: it is asked as the reader, for what was committed", async () => {
  const asked: string[] = [];
  const answer = (request: Request) => {
    const { pathname, search } = new URL(request.url);
    asked.push(`${pathname}${search} ${request.headers.get("authorization")}`);
    return Response.json({ from: "worker" });
  };
  await serving(answer, async (worker) => {
    const read = hotDocuments({ worker, postgres });
    const found = await read("personality_context", { ...reader, minLsn: "16/B3 74" });
    assert.deepEqual(found, { data: { from: "worker" }, source: "worker" });
  });
  assert.deepEqual(asked, ["/v1/hot/personality_context?min_lsn=16%2FB3%2074 Bearer token"]);
});

Deno.test("worker: a document that does not exist is null, and a refusal is no document", async () => {
  await serving(() => Response.json(null), async (worker) => {
    const found = await hotDocuments({ worker, postgres })("chat_history", reader);
    assert.deepEqual(found, { data: null, source: "worker" });
  });
  for (const status of [400, 401, 404, 500, 503]) {
    await serving(() => Response.json({ message: "no" }, { status }), async (worker) => {
      const { source } = await hotDocuments({ worker, postgres })("chat_history", reader);
      assert.equal(source, "postgres");
    });
  }
});

Deno.test("worker: a refusal of one reader does not keep others from it, and a failure does", async () => {
  for (const [status, second] of [[401, "worker"], [503, "postgres"]] as const) {
    let calls = 0;
    const answer = () => calls++ === 0 ? Response.json({}, { status }) : Response.json(1);
    await serving(answer, async (worker) => {
      const read = hotDocuments({ worker, postgres });
      assert.equal((await read("chat_history", reader)).source, "postgres");
      assert.equal((await read("chat_history", reader)).source, second);
    });
  }
});

Deno.test("worker: one that is silent or sends half an answer is passed by", async () => {
  await silent(async (worker) => {
    const { source } = await hotDocuments({ worker, postgres, patience })("chat_history", reader);
    assert.equal(source, "postgres");
  });
  await serving(() => new Response('{"from": "wor'), async (worker) => {
    const { source } = await hotDocuments({ worker, postgres, patience })("chat_history", reader);
    assert.equal(source, "postgres");
  });
});

Deno.test("postgres: only when it fails, too, is a read an error", async () => {
  const failing: Postgres = () => Promise.reject(new Error("down"));
  await assert.rejects(hotDocuments({ worker: nobody(), postgres: failing })("chat_history", reader), /down/);
  const hanging: Postgres = (_, __, signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  await assert.rejects(hotDocuments({ postgres: hanging, patience })("chat_history", reader), /timeout/i);
});

Deno.test("the key is the one that the mirror writes", async () => {
  const bondhu = await load();
  assert.equal(
    bondhu.documentKey("personality_context", USER.toUpperCase()),
    `personality:context:{${USER}}`,
  );
});
