// What providers answer, and what is made of it, without a project.

import assert from "node:assert/strict";
import { gemini } from "../../supabase/functions/chat/providers/gemini.ts";
import { openai } from "../../supabase/functions/chat/providers/openai.ts";
import { patiently } from "../../supabase/functions/chat/providers/patience.ts";
import {
  type Ask,
  Fault,
  FAULTS,
  type Piece,
  type Provider,
} from "../../supabase/functions/chat/providers/provider.ts";
import { dataOf } from "../../supabase/functions/chat/providers/sse.ts";
import { nobody, serving, silent } from "./servers.ts";

const ask: Ask = {
  model: "flash",
  system: "You are kind.",
  turns: [{ role: "user", text: "hi" }, { role: "model", text: "Hello." }, { role: "user", text: "bye" }],
  replyTokens: 50,
};
const patience = { first: 150, between: 150, all: 2000 };

/** Everything that an answer brings: what was said, and how it ended. */
async function heard(pieces: AsyncIterable<Piece>): Promise<Record<string, unknown>> {
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

const signal = new AbortController().signal;
const events = (...data: unknown[]) =>
  new Response(
    data.map((item) => `data: ${typeof item === "string" ? item : JSON.stringify(item)}\r\n\r\n`).join(""),
    {
      headers: { "content-type": "text/event-stream" },
    },
  );

// Event streams

Deno.test("events are read however they are cut into chunks", async () => {
  const text = ': hello\r\n\r\nevent: x\r\ndata: {"a":"ঙ🙂"}\r\n\r\ndata:1\ndata: 2\n\ndata: unfinished';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const chunks = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, n) => bytes.slice(n * size, (n + 1) * size),
    );
    const read: string[] = [];
    for await (const data of dataOf(ReadableStream.from(chunks))) read.push(data);
    assert.deepEqual(read, ['{"a":"ঙ🙂"}', "1\n2"], `in chunks of ${size}`);
  }
});

Deno.test("an event without an end is not read for ever", async () => {
  const endless = ReadableStream.from((async function* () {
    while (true) yield new Uint8Array(1 << 16).fill(97);
  })());
  await assert.rejects(async () => {
    for await (const _ of dataOf(endless)) assert.fail();
  }, { kind: "malformed" });
});

// Gemini

async function ofGemini(answer: (request: Request) => Response | Promise<Response>, budget?: number) {
  return await serving(
    answer,
    (base) => heard(gemini({ key: "k", base, thinkingBudget: budget }).stream(ask, signal)),
  );
}

const said = (text: string) => ({ candidates: [{ content: { role: "model", parts: [{ text }] } }] });
const ended = (finishReason: string) => ({
  candidates: [{ finishReason }],
  usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 3, thoughtsTokenCount: 4 },
});

Deno.test("gemini: the request is as described, its key in a header", async () => {
  let body, path, key;
  await ofGemini(async (request) => {
    const { pathname, search } = new URL(request.url);
    [path, key, body] = [pathname + search, request.headers.get("x-goog-api-key"), await request.json()];
    return events(said("Hi."), ended("STOP"));
  }, 0);
  assert.equal(path, "/models/flash:streamGenerateContent?alt=sse");
  assert.equal(key, "k");
  assert.deepEqual(body, {
    systemInstruction: { parts: [{ text: "You are kind." }] },
    contents: [
      { role: "user", parts: [{ text: "hi" }] },
      { role: "model", parts: [{ text: "Hello." }] },
      { role: "user", parts: [{ text: "bye" }] },
    ],
    generationConfig: { maxOutputTokens: 50, thinkingConfig: { thinkingBudget: 0 } },
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

const rpc = (code: number, status: string, ...details: unknown[]) =>
  Response.json({ error: { code, message: "no", status, details } }, { status: code });
const retryIn = (retryDelay: string) => ({ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay });
const badKey = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" };

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

// Chat Completions

async function ofOpenAi(answer: (request: Request) => Response | Promise<Response>) {
  return await serving(answer, (base) => heard(openai({ key: "k", base }).stream(ask, signal)));
}

const delta = (content: string | null) => ({
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});
const finish = (finish_reason: string) => ({ choices: [{ index: 0, delta: {}, finish_reason }] });
const took = { choices: [], usage: { prompt_tokens: 12, completion_tokens: 7, total_tokens: 19 } };

Deno.test("openai: the request is as described", async () => {
  let body, key;
  await ofOpenAi(async (request) => {
    assert.equal(new URL(request.url).pathname, "/chat/completions");
    [key, body] = [request.headers.get("authorization"), await request.json()];
    return events(delta("Hi."), finish("stop"), took, "[DONE]");
  });
  assert.equal(key, "Bearer k");
  assert.deepEqual(body, {
    model: "flash",
    messages: [
      { role: "system", content: "You are kind." },
      { role: "user", content: "hi" },
      { role: "assistant", content: "Hello." },
      { role: "user", content: "bye" },
    ],
    max_tokens: 50,
    stream: true,
    stream_options: { include_usage: true },
  });
});

Deno.test("openai: what it says is passed on, with what it took if that is said", async () => {
  const end = { said: "Hello", finishReason: "stop", cut: undefined };
  const usage = { inputTokens: 12, outputTokens: 7 };
  const whole = await ofOpenAi(() =>
    events(delta("He"), delta(null), delta("llo"), finish("stop"), took, "[DONE]")
  );
  assert.deepEqual(whole, { ...end, usage });
  const uncounted = await ofOpenAi(() => events(delta("Hello"), finish("stop"), "[DONE]"));
  assert.deepEqual(uncounted, { ...end, usage: undefined });
  for (
    const [reason, cut] of [["length", "too_long"], ["content_filter", "declined"], ["tool_calls", "stopped"]]
  ) {
    const { said: text, ...end } = await ofOpenAi(() => events(delta("He"), finish(reason), "[DONE]"));
    assert.deepEqual([text, end.finishReason, end.cut], ["He", reason, cut]);
  }
});

Deno.test("openai: every refusal has its meaning", async () => {
  const refusal = (status: number, code: string | null, headers = {}) =>
    Response.json({ error: { message: "no", type: "x", param: null, code } }, { status, headers });
  const refusals: [Response, string, number | undefined][] = [
    [refusal(401, "invalid_api_key"), "key", undefined],
    [refusal(403, null), "forbidden", undefined],
    [refusal(404, "model_not_found"), "unknown_model", undefined],
    [refusal(400, null), "request", undefined],
    [refusal(400, "content_filter"), "prompt_blocked", undefined],
    [refusal(429, "rate_limit_exceeded", { "retry-after": "7" }), "rate", 7],
    [refusal(429, "insufficient_quota"), "quota", FAULTS.quota.retryAfter],
    [refusal(500, null), "failed", FAULTS.failed.retryAfter],
    [refusal(503, null), "overloaded", FAULTS.overloaded.retryAfter],
    [events({ error: { message: "no" } }), "failed", FAULTS.failed.retryAfter],
    [events("[DONE]"), "broken_off", FAULTS.broken_off.retryAfter],
    [events("nonsense"), "malformed", FAULTS.malformed.retryAfter],
  ];
  for (const [answer, fault, retryAfter] of refusals) {
    assert.deepEqual(await ofOpenAi(() => answer), { said: "", fault, retryAfter });
  }
});

// Patience

Deno.test("what may pass is tried once more while nothing has been said", async () => {
  for (
    const first of [
      rpc(500, "INTERNAL"),
      rpc(503, "UNAVAILABLE"),
      events(),
      events("junk"),
      events(ended("STOP")),
    ]
  ) {
    const answers = [first, events(said("Hello"), ended("STOP"))];
    await serving(() => answers.shift() ?? rpc(500, "INTERNAL"), async (base) => {
      const { said: text } = await heard(patiently(gemini({ key: "k", base }), ask, patience));
      assert.equal(text, "Hello");
      assert.equal(answers.length, 0);
    });
  }
});

Deno.test("what does not pass, and what has begun, is not tried again", async () => {
  const refusals: [Response, string][] = [
    [rpc(400, "INVALID_ARGUMENT", badKey), "key"],
    [rpc(403, "PERMISSION_DENIED"), "forbidden"],
    [rpc(429, "RESOURCE_EXHAUSTED", retryIn("23s")), "rate"],
    [events({ promptFeedback: { blockReason: "SAFETY" } }), "prompt_blocked"],
    [events(ended("SAFETY")), "declined"],
    [events(ended("MAX_TOKENS")), "too_long"],
    [events(said("He"), "junk"), "malformed"],
    [events(said("He")), "broken_off"],
  ];
  for (const [first, expected] of refusals) {
    const answers = [first, events(said("again"), ended("STOP"))];
    await serving(() => answers.shift()!, async (base) => {
      const { fault } = await heard(patiently(gemini({ key: "k", base }), ask, patience));
      assert.equal(fault, expected);
      assert.equal(answers.length, 1);
    });
  }
});

Deno.test("a rate limit that is over in a moment is waited for", async () => {
  const answers = [rpc(429, "RESOURCE_EXHAUSTED", retryIn("1s")), events(said("Hello"), ended("STOP"))];
  await serving(() => answers.shift()!, async (base) => {
    const begun = performance.now();
    const { said: text } = await heard(patiently(gemini({ key: "k", base }), ask, patience));
    assert.equal(text, "Hello");
    assert.ok(performance.now() - begun >= 1000);
  });
});

Deno.test("two that fail are a fault, and nobody there is one", async () => {
  let calls = 0;
  await serving(() => (calls++, rpc(503, "UNAVAILABLE")), async (base) => {
    assert.equal((await heard(patiently(gemini({ key: "k", base }), ask, patience))).fault, "overloaded");
    assert.equal(calls, 2);
  });
  const { fault } = await heard(patiently(gemini({ key: "k", base: nobody() }), ask, patience));
  assert.equal(fault, "unreachable");
});

Deno.test("silence ends, at the beginning and in the middle", async () => {
  await silent(async (base) => {
    const { fault } = await heard(patiently(gemini({ key: "k", base }), ask, patience));
    assert.equal(fault, "silent");
  });
  const halting: Provider = {
    async *stream(_, signal) {
      yield { delta: "He" };
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  };
  const heardOf = await heard(patiently(halting, ask, patience));
  assert.deepEqual([heardOf.said, heardOf.fault], ["He", "silent"]);
});

Deno.test("an answer that never ends is ended, and its request with it", async () => {
  let aborted = false;
  const rambling: Provider = {
    async *stream(_, signal) {
      signal.addEventListener("abort", () => aborted = true);
      while (true) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield { delta: "and " };
      }
    },
  };
  const { fault } = await heard(patiently(rambling, ask, { ...patience, all: 500 }));
  assert.equal(fault, "too_slow");
  assert.ok(aborted);
});

Deno.test("who stops listening ends the request", async () => {
  let aborted = false;
  const speaking: Provider = {
    async *stream(_, signal) {
      signal.addEventListener("abort", () => aborted = true);
      while (true) yield await Promise.resolve({ delta: "x" });
    },
  };
  for await (const _ of patiently(speaking, ask, patience)) break;
  assert.ok(aborted);
});

Deno.test("codes of faults are stable", () => {
  assert.deepEqual([...new Set(Object.values(FAULTS).map(({ code }) => code))].sort(), [
    "model_broken_off",
    "model_declined",
    "model_failed",
    "model_forbidden",
    "model_key_invalid",
    "model_malformed",
    "model_not_configured",
    "model_overloaded",
    "model_quota_used_up",
    "model_rate_limited",
    "model_request_refused",
    "model_said_nothing",
    "model_silent",
    "model_unknown",
    "model_unreachable",
  ]);
});
