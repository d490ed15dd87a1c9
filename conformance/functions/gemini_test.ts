// What Gemini answers, and what is made of it, without a project.

import assert from "node:assert/strict";
import { gemini } from "../../supabase/functions/chat/providers/gemini.ts";
import { FAULTS } from "../../supabase/functions/chat/providers/provider.ts";
import { ask, badKey, ended, events, heard, retryIn, rpc, said, signal } from "./heard.ts";
import { serving } from "./servers.ts";

async function ofGemini(answer: (request: Request) => Response | Promise<Response>, level?: string) {
  return await serving(
    answer,
    (base) => heard(gemini({ key: "k", base, thinkingLevel: level }).stream(ask, signal)),
  );
}

Deno.test("gemini: the request is as described, its key in a header", async () => {
  let body, path, key;
  await ofGemini(async (request) => {
    const { pathname, search } = new URL(request.url);
    [path, key, body] = [pathname + search, request.headers.get("x-goog-api-key"), await request.json()];
    return events(said("Hi."), ended("STOP"));
  }, "LOW");
  assert.equal(path, "/models/flash:streamGenerateContent?alt=sse");
  assert.equal(key, "k");
  assert.deepEqual(body, {
    systemInstruction: { parts: [{ text: "You are kind." }] },
    contents: [
      { role: "user", parts: [{ text: "hi" }] },
      { role: "model", parts: [{ text: "Hello." }] },
      { role: "user", parts: [{ text: "bye" }] },
    ],
    generationConfig: { maxOutputTokens: 50, thinkingConfig: { thinkingLevel: "LOW" } },
  });
});

Deno.test("gemini: what it says is passed on, its thoughts are not, and all are counted", async () => {
  const thought = {
    candidates: [{ content: { parts: [{ text: "hm", thought: true }, { text: "He" }, null] } }],
  };
  assert.deepEqual(await ofGemini(() => events(thought, said("llo"), said(""), {}, ended("STOP"))), {
    said: "Hello",
    finishReason: "stop",
    cut: undefined,
    usage: { inputTokens: 12, outputTokens: 7 },
  });
});

Deno.test("gemini: every reason to finish has its meaning", async () => {
  const meanings = {
    MAX_TOKENS: "too_long",
    SAFETY: "declined",
    BLOCKLIST: "declined",
    PROHIBITED_CONTENT: "declined",
    SPII: "declined",
    LANGUAGE: "declined",
    IMAGE_SAFETY: "declined",
    RECITATION: "recitation",
    OTHER: "stopped",
    MALFORMED_FUNCTION_CALL: "stopped",
    SOMETHING_NEW: "stopped",
  };
  for (const [reason, cut] of Object.entries(meanings)) {
    const { said: text, ...end } = await ofGemini(() => events(said("He"), ended(reason)));
    assert.deepEqual([text, end.finishReason, end.cut], ["He", reason.toLowerCase(), cut]);
  }
});

Deno.test("gemini: every refusal has its meaning", async () => {
  const refusals: [Response, string, number | undefined][] = [
    [rpc(400, "INVALID_ARGUMENT", badKey), "key", undefined],
    [rpc(400, "INVALID_ARGUMENT"), "request", undefined],
    [rpc(400, "FAILED_PRECONDITION"), "forbidden", undefined],
    [rpc(403, "PERMISSION_DENIED"), "forbidden", undefined],
    [rpc(404, "NOT_FOUND"), "unknown_model", undefined],
    [rpc(429, "RESOURCE_EXHAUSTED", retryIn("22.4s")), "rate", 23],
    [rpc(429, "RESOURCE_EXHAUSTED"), "rate", FAULTS.rate.retryAfter],
    [rpc(429, "RESOURCE_EXHAUSTED", retryIn("soon")), "rate", FAULTS.rate.retryAfter],
    [rpc(500, "INTERNAL"), "failed", FAULTS.failed.retryAfter],
    [rpc(503, "UNAVAILABLE"), "overloaded", FAULTS.overloaded.retryAfter],
    [rpc(504, "DEADLINE_EXCEEDED"), "overloaded", FAULTS.overloaded.retryAfter],
    [new Response("<h1>Bad gateway</h1>", { status: 502 }), "failed", FAULTS.failed.retryAfter],
    [events({ promptFeedback: { blockReason: "SAFETY" } }), "prompt_blocked", undefined],
    [
      events({ error: { code: 503, message: "no", status: "UNAVAILABLE" } }),
      "overloaded",
      FAULTS.overloaded.retryAfter,
    ],
    [events('{"candidates": [{'), "malformed", FAULTS.malformed.retryAfter],
    [events("null"), "malformed", FAULTS.malformed.retryAfter],
    [events(), "broken_off", FAULTS.broken_off.retryAfter],
  ];
  for (const [answer, fault, retryAfter] of refusals) {
    assert.deepEqual(await ofGemini(() => answer), { said: "", fault, retryAfter });
  }
});

Deno.test("gemini: what was said before a fault is not lost", async () => {
  for (const [last, fault] of [['{"candidates": [{', "malformed"], [": nothing", "malformed"]] as const) {
    const heard = await ofGemini(() => events(said("He"), last));
    assert.deepEqual([heard.said, heard.fault], ["He", fault]);
  }
  const { said: text, fault } = await ofGemini(() => events(said("He")));
  assert.deepEqual([text, fault], ["He", "broken_off"]);
});
