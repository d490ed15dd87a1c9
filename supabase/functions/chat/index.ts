// POST { id, message_text, session_id? } with a user's access token: an exchange with the companion, as an
// event stream. docs/companion.md is the contract.

import { callerOf } from "./caller.ts";
import { Events } from "./events.ts";
import { exchange } from "./exchange.ts";
import { sentIn, stored } from "./message.ts";
import { log, Refusal } from "./problems.ts";

declare const EdgeRuntime: { waitUntil(work: Promise<unknown>): void };

const CORS = { "access-control-allow-origin": "*", "access-control-expose-headers": "retry-after" };

Deno.serve(async (request) => {
  if (request.method === "OPTIONS") return preflight(request);
  try {
    if (request.method !== "POST") throw new Refusal("method_not_allowed");
    const caller = await callerOf(request);
    const message = await stored(await sentIn(request), caller);
    const events = new Events();
    // To its end, also when the browser leaves: the reply is in the conversation when it comes back.
    EdgeRuntime.waitUntil(exchange(message, caller, events));
    const headers = { ...CORS, "content-type": "text/event-stream", "cache-control": "no-store" };
    return new Response(events.stream, { headers });
  } catch (error) {
    return refusal(error);
  }
});

function preflight(request: Request): Response {
  const headers = {
    ...CORS,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": request.headers.get("access-control-request-headers") ?? "",
    "access-control-max-age": "86400",
  };
  return new Response(null, { status: 204, headers });
}

function refusal(error: unknown): Response {
  if (!(error instanceof Refusal)) log(error instanceof Error ? error.name : "unknown");
  const { status, problem } = error instanceof Refusal ? error : new Refusal("internal");
  const wait = problem.retry_after ? { "retry-after": String(problem.retry_after) } : undefined;
  return Response.json(problem, { status, headers: { ...CORS, ...wait, "cache-control": "no-store" } });
}
