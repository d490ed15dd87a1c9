// Hot documents: from Redis while the rule of core allows it, else through the worker, which fills Redis,
// else from Postgres. docs/mirror.md has the rule and the documents.

import { load } from "./bondhu.ts";
import type { DocumentName } from "./bondhu/names.d.ts";

/** Whose documents are read. */
export interface Reader {
  userId: string;
  /** Theirs: the worker and Postgres ask for it. */
  accessToken: string;
  /** What `commit_position()` returned: the document holds every commit before it. */
  minLsn?: string;
}

/** A document, null if the person has none, and where it came from. */
export interface Hot {
  data: unknown;
  source: "redis" | "worker" | "postgres";
}

/** Redis, however it is reached: the texts of keys, null where there is none. */
export interface Redis {
  /** All of them with one command, in this order, or each one after the other. */
  texts(keys: string[], signal: AbortSignal): Promise<(string | null)[]>;
}

/** Postgres, as the reader sees it. */
export type Postgres = (document: DocumentName, reader: Reader, signal: AbortSignal) => Promise<unknown>;

export interface Sources {
  redis?: Redis;
  /** Where the worker listens. */
  worker?: string;
  postgres: Postgres;
  /** Milliseconds that each may take. */
  patience?: Partial<typeof PATIENCE>;
}

/** The worker may have to read Postgres by itself. */
const PATIENCE = { redis: 250, worker: 1000, postgres: 5000 };

/** Milliseconds for which a source is left alone that failed: somebody else's read pays for finding out. */
const REST = 2000;

/** Reads a document. Rejects only when Postgres does not answer either. */
export type ReadHot = (document: DocumentName, reader: Reader) => Promise<Hot>;

/** Reads from these. What Redis and the worker cannot give is no error. */
export function hotDocuments({ redis, worker, postgres, patience }: Sources): ReadHot {
  const within = { ...PATIENCE, ...patience };
  const fromRedis = redis && resting((document, reader) => judged(redis, document, reader, within.redis));
  const fromWorker = worker && resting((document, reader) => asked(worker, document, reader, within.worker));
  return async (document, reader) => {
    const kept = await fromRedis?.(document, reader);
    if (kept && kept !== BEHIND) return { data: kept.data, source: "redis" };
    // What was written a moment ago Postgres has now, and the worker would wait for the mirror to have it.
    const filled = kept === BEHIND || !fromWorker ? undefined : await fromWorker(document, reader);
    if (filled && filled !== BEHIND) return { data: filled.data, source: "worker" };
    const data = await postgres(document, reader, AbortSignal.timeout(within.postgres));
    return { data, source: "postgres" };
  };
}

/** It has the document, but not yet every commit that the reader asks for. */
const BEHIND = "behind";

/** What a source has, undefined if it has nothing to give. */
type Source = (
  document: DocumentName,
  reader: Reader,
) => Promise<{ data: unknown } | typeof BEHIND | undefined>;

/** A source that fails has nothing to give, and is not asked again for a while. */
function resting(source: Source): Source {
  let until = 0;
  return async (document, reader) => {
    if (Date.now() < until) return undefined;
    try {
      return await source(document, reader);
    } catch {
      until = Date.now() + REST;
      return undefined;
    }
  };
}

async function judged(redis: Redis, document: DocumentName, reader: Reader, within: number) {
  const bondhu = await load();
  const keys = [bondhu.watermarkKey, bondhu.documentKey(document, reader.userId)];
  const [watermark, value] = await redis.texts(keys, AbortSignal.timeout(within));
  const verdict = bondhu.judge(document, { watermark, value, minLsn: reader.minLsn });
  if (verdict.served) return { data: verdict.data };
  return verdict.reason === BEHIND ? BEHIND : undefined;
}

async function asked(worker: string, document: DocumentName, reader: Reader, within: number) {
  const query = reader.minLsn ? `?min_lsn=${encodeURIComponent(reader.minLsn)}` : "";
  const answer = await fetch(`${worker}/v1/hot/${document}${query}`, {
    headers: { authorization: `Bearer ${reader.accessToken}` },
    signal: AbortSignal.timeout(within),
  });
  if (!answer.ok) {
    await answer.body?.cancel();
    // A refusal is this reader's own; who is out of order is left alone.
    if (answer.status >= 500) throw new Error(`the worker answers ${answer.status}`);
    return undefined;
  }
  return { data: await answer.json() };
}

/** Redis over HTTP, as Upstash has it: https://upstash.com/docs/redis/features/restapi. */
export function upstash(url: string, token: string): Redis {
  return {
    async texts(keys, signal) {
      const answer = await fetch(url, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(["MGET", ...keys]),
        signal,
      });
      const { result } = await answer.json();
      const isText = (value: unknown) => value === null || typeof value === "string";
      if (!answer.ok || !Array.isArray(result) || result.length !== keys.length || !result.every(isText)) {
        throw new Error(`Redis answers ${answer.status}`);
      }
      return result;
    },
  };
}

/** Postgres over the Data API, as the reader. */
export function dataApi(url: string, publishableKey: string): Postgres {
  return async (document, { accessToken }, signal) => {
    const answer = await fetch(`${url}/rest/v1/rpc/hot_document`, {
      method: "POST",
      headers: {
        apikey: publishableKey,
        authorization: `Bearer ${accessToken}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ document }),
      signal,
    });
    if (!answer.ok) {
      await answer.body?.cancel();
      throw new Error(`hot_document is answered with ${answer.status}`);
    }
    return await answer.json();
  };
}

/** The sources that the environment names. */
export function sourcesOf(env: (name: string) => string | undefined, postgres: Postgres): Sources {
  const [url, token] = [env("UPSTASH_REDIS_REST_URL"), env("UPSTASH_REDIS_REST_TOKEN")];
  return {
    redis: url && token ? upstash(url, token) : undefined,
    worker: env("BONDHU_WORKER_URL")?.replace(/\/$/, ""),
    postgres,
  };
}
