// A provider of a test's own, and what is heard of it.

import assert from "node:assert/strict";
import { type Ask, Fault, type Piece } from "../../supabase/functions/chat/providers/provider.ts";

export const ask: Ask = {
  model: "flash",
  system: "You are kind.",
  turns: [{ role: "user", text: "hi" }, { role: "model", text: "Hello." }, { role: "user", text: "bye" }],
  replyTokens: 50,
};
/** Everything that an answer brings: what was said, and how it ended. */
export async function heard(pieces: AsyncIterable<Piece>): Promise<Record<string, unknown>> {
  let said = "";
  try {
    for await (const piece of pieces) {
      if ("end" in piece) {
        const { finishReason, cut, usage } = piece.end;
        return { said, finishReason, cut, usage };
      }
      said += piece.delta;
    }
    return { said };
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return { said, fault: error.kind, retryAfter: error.retryAfter };
  }
}

export const signal = new AbortController().signal;
export const events = (...data: unknown[]) =>
  new Response(
    data.map((item) => `data: ${typeof item === "string" ? item : JSON.stringify(item)}\r\n\r\n`).join(""),
    {
      headers: { "content-type": "text/event-stream" },
    },
  );

// What Gemini answers.

export const said = (text: string) => ({ candidates: [{ content: { role: "model", parts: [{ text }] } }] });
export const ended = (finishReason: string) => ({
  candidates: [{ finishReason }],
  usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 3, thoughtsTokenCount: 4 },
});

export const rpc = (code: number, status: string, ...details: unknown[]) =>
  Response.json({ error: { code, message: "no", status, details } }, { status: code });
export const retryIn = (retryDelay: string) => ({
  "@type": "type.googleapis.com/google.rpc.RetryInfo",
  retryDelay,
});
export const badKey = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" };
