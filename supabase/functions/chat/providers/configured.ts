// The provider that settings name, with the environment's key.

import { gemini } from "./gemini.ts";
import { openai } from "./openai.ts";
import type { Patience } from "./patience.ts";
import { Fault, type Provider } from "./provider.ts";

const env = (name: string) => Deno.env.get(name) || undefined;

function base(name: string, published: string): string {
  return (env(name) ?? published).replace(/\/$/, "");
}

/** Throws a `Fault` when there is no key. */
export function providerOf(name: "gemini" | "openai"): Provider {
  const key = env(name === "gemini" ? "GEMINI_API_KEY" : "OPENAI_API_KEY");
  if (!key) throw new Fault("not_configured");
  if (name === "openai") return openai({ key, base: base("OPENAI_BASE_URL", "https://api.openai.com/v1") });
  return gemini({
    key,
    base: base("GEMINI_BASE_URL", "https://generativelanguage.googleapis.com/v1beta"),
    thinkingLevel: thinkingLevel(),
  });
}

/** Thoughts are tokens of the reply, and a chat needs few: the least that every model knows. */
function thinkingLevel(): string | undefined {
  const chosen = env("GEMINI_THINKING_LEVEL")?.toUpperCase() ?? "LOW";
  return chosen === "DEFAULT" ? undefined : chosen;
}

/** A provider has most of the lease, and what is left stores the reply. */
export function patienceOf(leaseSeconds: number): Patience {
  const seconds = (name: string, otherwise: number) =>
    Number(env(name) ?? otherwise) * 1000 || otherwise * 1000;
  return {
    first: seconds("BONDHU_MODEL_FIRST_SECONDS", 20),
    between: seconds("BONDHU_MODEL_NEXT_SECONDS", 15),
    all: Math.min(leaseSeconds * 1000 * 0.8, 110_000),
  };
}
