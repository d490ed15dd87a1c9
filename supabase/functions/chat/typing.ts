// "The companion is typing", on the user's own Realtime topic: docs/frontend.md. What fails is forgotten.

import type { Caller } from "./caller.ts";
import { publishableKey, url } from "./project.ts";

/** Receivers let it lapse after 5 s. */
const AGAIN = 3000;

/** Says that the companion types, until the function that it returns is called, which says that it has ended. */
export function typing(caller: Caller): () => Promise<void> {
  say(caller, true);
  const again = setInterval(() => say(caller, true), AGAIN);
  return () => {
    clearInterval(again);
    return say(caller, false);
  };
}

async function say({ id, accessToken }: Caller, on: boolean): Promise<void> {
  try {
    const topic = encodeURIComponent(`user:${id}`);
    const answer = await fetch(`${url}/realtime/v1/api/broadcast/${topic}/events/typing?private=true`, {
      method: "POST",
      headers: {
        apikey: publishableKey,
        authorization: `Bearer ${accessToken}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ on, sender_type: "ai" }),
      signal: AbortSignal.timeout(2000),
    });
    await answer.body?.cancel();
  } catch {
    // Whoever watches sees the reply anyway.
  }
}
