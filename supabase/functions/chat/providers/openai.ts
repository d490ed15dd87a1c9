// Any endpoint that speaks Chat Completions:
// https://platform.openai.com/docs/api-reference/chat/create

import {
  type Ask,
  type End,
  Fault,
  type FaultKind,
  faultOfStatus,
  type Piece,
  type Provider,
} from "./provider.ts";
import { count, dataOf, json, refusalIn } from "./sse.ts";

export interface OpenAiConfig {
  key: string;
  base: string;
}

export function openai({ key, base }: OpenAiConfig): Provider {
  // OpenAI's own models refuse the older name, and most others know only that one.
  const most = new URL(base).hostname === "api.openai.com" ? "max_completion_tokens" : "max_tokens";
  return {
    async *stream(ask: Ask, signal: AbortSignal): AsyncGenerator<Piece> {
      const turns = ask.turns.map(({ role, text }) => ({
        role: role === "model" ? "assistant" : role,
        content: text,
      }));
      const answer = await fetch(`${base}/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({
          model: ask.model,
          messages: [{ role: "system", content: ask.system }, ...turns],
          [most]: ask.replyTokens,
          ...(ask.schema ? { response_format: answerOf(ask.schema) } : {}),
          stream: true,
          stream_options: { include_usage: true },
        }),
        signal,
      });
      if (!answer.ok || !answer.body) throw refused(answer, await refusalIn(answer));
      yield* pieces(answer.body);
    },
  };
}

function answerOf(schema: unknown) {
  return { type: "json_schema", json_schema: { name: "answer", strict: true, schema } };
}

async function* pieces(body: ReadableStream<Uint8Array>): AsyncGenerator<Piece> {
  let end: End | undefined;
  for await (const data of dataOf(body)) {
    if (data === "[DONE]") break;
    const part = json(data);
    if (part.error) throw new Fault("failed");
    const choice = part.choices?.[0];
    const text = choice?.delta?.content;
    if (typeof text === "string" && text !== "") yield { delta: text };
    const finishReason = choice?.finish_reason;
    if (typeof finishReason === "string") {
      end = { finishReason: finishReason.slice(0, 100), cut: cutBy(finishReason) };
    }
    // In a part of its own, after the end.
    if (part.usage && end) {
      const { prompt_tokens, completion_tokens } = part.usage;
      end.usage = { inputTokens: count(prompt_tokens), outputTokens: count(completion_tokens) };
      break;
    }
  }
  if (!end) throw new Fault("broken_off");
  yield { end };
}

function cutBy(finishReason: string): FaultKind | undefined {
  switch (finishReason) {
    case "stop":
      return undefined;
    case "length":
      return "too_long";
    case "content_filter":
      return "declined";
    default:
      return "stopped";
  }
}

/** https://platform.openai.com/docs/guides/error-codes */
// deno-lint-ignore no-explicit-any -- read field by field
function refused(answer: Response, body: any): Fault {
  const code = body?.error?.code ?? body?.error?.type;
  if (code === "insufficient_quota") return new Fault("quota");
  if (code === "content_filter" || code === "content_policy_violation") return new Fault("prompt_blocked");
  const wait = Number(answer.headers.get("retry-after") || NaN);
  return new Fault(faultOfStatus(answer.status), {
    retryAfter: Number.isFinite(wait) ? Math.ceil(wait) : undefined,
  });
}
