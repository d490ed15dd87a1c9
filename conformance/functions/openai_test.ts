// What endpoints like OpenAI's answer, and what is made of it, without a project.

import assert from "node:assert/strict";
import { openai } from "../../supabase/functions/chat/providers/openai.ts";
import { FAULTS } from "../../supabase/functions/chat/providers/provider.ts";
import { ask, events, heard, signal } from "./heard.ts";
import { serving } from "./servers.ts";

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
