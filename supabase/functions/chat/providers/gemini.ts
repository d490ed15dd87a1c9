// https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent

import {
  type Ask,
  Fault,
  type FaultKind,
  faultOfStatus,
  type Piece,
  type Provider,
  type Usage,
} from "./provider.ts";
import { count, dataOf, json, refusalIn } from "./sse.ts";

export interface GeminiConfig {
  key: string;
  base: string;
  /** How much a model thinks, with tokens of those of its reply; undefined leaves it to the model. */
  thinkingLevel?: string;
}

export function gemini({ key, base, thinkingLevel }: GeminiConfig): Provider {
  return {
    async *stream(ask: Ask, signal: AbortSignal): AsyncGenerator<Piece> {
      const model = encodeURIComponent(ask.model.replace(/^models\//, ""));
      const answer = await fetch(`${base}/models/${model}:streamGenerateContent?alt=sse`, {
        method: "POST",
        headers: { "x-goog-api-key": key, "content-type": "application/json" },
        body: JSON.stringify({
          systemInstruction: { parts: [{ text: ask.system }] },
          contents: ask.turns.map(({ role, text }) => ({ role, parts: [{ text }] })),
          generationConfig: {
            maxOutputTokens: ask.replyTokens,
            ...(thinkingLevel === undefined ? {} : { thinkingConfig: { thinkingLevel } }),
            ...(ask.schema ? { responseMimeType: "application/json", responseJsonSchema: ask.schema } : {}),
          },
        }),
        signal,
      });
      if (!answer.ok || !answer.body) throw refused(answer.status, await refusalIn(answer));
      yield* pieces(answer.body);
    },
  };
}

async function* pieces(body: ReadableStream<Uint8Array>): AsyncGenerator<Piece> {
  let usage: Usage | undefined;
  for await (const data of dataOf(body)) {
    const part = json(data);
    if (part.error) throw refused(part.error.code, part);
    usage = usageIn(part.usageMetadata) ?? usage;
    if (part.promptFeedback?.blockReason) throw new Fault("prompt_blocked", { usage });
    const candidate = part.candidates?.[0];
    for (const { text, thought } of list(candidate?.content?.parts)) {
      if (typeof text === "string" && text !== "" && !thought) yield { delta: text };
    }
    const finishReason = candidate?.finishReason;
    if (typeof finishReason === "string") {
      yield {
        end: { finishReason: finishReason.toLowerCase().slice(0, 100), cut: cutBy(finishReason), usage },
      };
      return;
    }
  }
  throw new Fault("broken_off", { usage });
}

// deno-lint-ignore no-explicit-any -- read field by field
const list = (value: unknown): any[] => Array.isArray(value) ? value.filter((item) => item) : [];

/** https://ai.google.dev/api/generate-content#FinishReason */
function cutBy(finishReason: string): FaultKind | undefined {
  switch (finishReason) {
    case "STOP":
      return undefined;
    case "MAX_TOKENS":
      return "too_long";
    case "SAFETY":
    case "BLOCKLIST":
    case "PROHIBITED_CONTENT":
    case "SPII":
    case "LANGUAGE":
    case "IMAGE_SAFETY":
    case "IMAGE_PROHIBITED_CONTENT":
      return "declined";
    case "RECITATION":
    case "IMAGE_RECITATION":
      return "recitation";
    default:
      return "stopped";
  }
}

// deno-lint-ignore no-explicit-any -- read field by field
function usageIn(metadata: any): Usage | undefined {
  if (!metadata || typeof metadata !== "object") return undefined;
  const outputTokens = count(metadata.candidatesTokenCount) + count(metadata.thoughtsTokenCount);
  return { inputTokens: count(metadata.promptTokenCount), outputTokens };
}

/** https://ai.google.dev/gemini-api/docs/troubleshooting, and google.rpc.Status */
// deno-lint-ignore no-explicit-any -- read field by field
function refused(status: number, body: any): Fault {
  const details = list(body?.error?.details);
  const isOf = (type: string) => (detail: { "@type"?: unknown }) => String(detail["@type"]).endsWith(type);
  const reason = details.find(isOf("google.rpc.ErrorInfo"))?.reason;
  if (reason === "API_KEY_INVALID") return new Fault("key");
  if (body?.error?.status === "FAILED_PRECONDITION") return new Fault("forbidden");
  const delay = /^(\d+(?:\.\d+)?)s$/.exec(details.find(isOf("google.rpc.RetryInfo"))?.retryDelay ?? "");
  const retryAfter = delay ? Math.ceil(Number(delay[1])) : undefined;
  return new Fault(faultOfStatus(Number(status)), { retryAfter });
}
