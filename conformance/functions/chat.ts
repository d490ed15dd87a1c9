// A client of the companion, and functions of a test's own.

import { publishableKey, redisToken, redisUrl, url, workerUrl } from "./project.ts";

export interface Event {
  event: string;
  // deno-lint-ignore no-explicit-any -- read field by field
  data: any;
}

/** What came back: events, or the body of a refusal. */
export interface Exchange {
  status: number;
  events: Event[];
  // deno-lint-ignore no-explicit-any -- read field by field
  problem: any;
}

export interface Sent {
  id?: string;
  message_text?: unknown;
  session_id?: unknown;
}

/** The function of the project, unless a test runs its own. */
export const deployed = `${url}/functions/v1/chat`;

export function post(accessToken: string | undefined, body: BodyInit, at = deployed, signal?: AbortSignal) {
  const headers = new Headers({ apikey: publishableKey, "content-type": "application/json" });
  if (accessToken !== undefined) headers.set("authorization", `Bearer ${accessToken}`);
  return fetch(at, { method: "POST", headers, body, signal });
}

/** Events as they arrive. */
export async function* eventsOf(answer: Response): AsyncGenerator<Event> {
  const text = answer.body!.pipeThrough(new TextDecoderStream());
  let rest = "";
  for await (const part of text) {
    const whole = (rest + part).split("\n\n");
    rest = whole.pop()!;
    for (const lines of whole) {
      const found = /^event: (.*)\ndata: (.*)$/.exec(lines);
      if (found) yield { event: found[1], data: JSON.parse(found[2]) };
    }
  }
}

/** Sends a message, and waits until everything has come. */
export async function chat(
  { accessToken }: { accessToken: string },
  sent: Sent,
  at = deployed,
): Promise<Exchange> {
  const answer = await post(accessToken, JSON.stringify({ id: crypto.randomUUID(), ...sent }), at);
  if (answer.headers.get("content-type") !== "text/event-stream") {
    return { status: answer.status, events: [], problem: await answer.json() };
  }
  const events: Event[] = [];
  for await (const event of eventsOf(answer)) events.push(event);
  return { status: answer.status, events, problem: undefined };
}

/** Names of events, deltas in a row as one. */
export function order({ events }: Exchange): string[] {
  return events.map(({ event }) => event).filter((name, n, all) =>
    name !== "delta" || all[n - 1] !== "delta"
  );
}

export function one(exchange: Exchange, event: string): Event["data"] {
  const found = exchange.events.filter((item) => item.event === event);
  if (found.length !== 1) throw new Error(`${found.length} events ${event}: ${JSON.stringify(exchange)}`);
  return found[0].data;
}

export function said({ events }: Exchange): string {
  return events.filter(({ event }) => event === "delta").map(({ data }) => data.text).join("");
}

const RUNTIME = new URL("../../stack/functions/edge_runtime.ts", import.meta.url).pathname;
const CODE = new URL("../../supabase/functions/chat/index.ts", import.meta.url).pathname;

/** Runs the function by itself, in another environment than the project's. */
export async function running<T>(
  different: Record<string, string>,
  use: (at: string, log: () => string, kill: () => void) => Promise<T>,
): Promise<T> {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const key = (name: string) => JSON.stringify({ default: name });
  const kept = ["PATH", "DENO_DIR", "GEMINI_BASE_URL", "GEMINI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_KEY"];
  const env = {
    ...Object.fromEntries(kept.map((name) => [name, Deno.env.get(name) ?? ""])),
    SUPABASE_URL: url,
    SUPABASE_PUBLISHABLE_KEYS: key(publishableKey),
    SUPABASE_SECRET_KEYS: key(Deno.env.get("SUPABASE_SECRET_KEY")!),
    UPSTASH_REDIS_REST_URL: redisUrl,
    UPSTASH_REDIS_REST_TOKEN: redisToken,
    BONDHU_WORKER_URL: workerUrl,
    DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`,
    NO_COLOR: "1",
    ...different,
  };
  const args = ["run", "--quiet", "--no-check", "--allow-all", "--preload", RUNTIME, CODE];
  const child = new Deno.Command(Deno.execPath(), {
    args,
    env,
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let log = "";
  const logging = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) log += text;
  })();
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  };
  try {
    await until(() =>
      fetch(`http://127.0.0.1:${port}`).then((answer) => answer.body?.cancel().then(() => true))
    );
    return await use(`http://127.0.0.1:${port}`, () => log, kill);
  } finally {
    kill();
    await child.status;
    await logging;
  }
}

/** The stored reply, its instant as one: how many digits a text of it has depends on who writes it. */
export function reply(exchange: Exchange): Event["data"] {
  const found = one(exchange, "reply");
  return { ...found, created_at: Date.parse(found.created_at) };
}

/** Waits until something is so. */
export async function until<T>(
  look: () => Promise<T | undefined | false>,
  milliseconds = 20_000,
): Promise<T> {
  const deadline = Date.now() + milliseconds;
  while (true) {
    const found = await look().catch(() => undefined);
    if (found) return found;
    if (Date.now() > deadline) throw new Error("it did not come about in time");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
