// The reply under a lease: streamed from the provider, stored, or given back.

import { load, type Prompt } from "../_shared/bondhu.ts";
import type { Events } from "./events.ts";
import { Refusal } from "./problems.ts";
import { asServer, type Companion, type Row } from "./project.ts";
import { patienceOf, providerOf } from "./providers/configured.ts";
import { patiently } from "./providers/patience.ts";
import { type End, Fault } from "./providers/provider.ts";

/** The companion's message, as it is stored. */
export interface Reply {
  id: string;
  session_id: string | null;
  sender_type: string;
  message_text: string;
  created_at: string;
  /** The provider ended it early: `finish_reason` says why. */
  is_cut: boolean;
  finish_reason: string;
}

/** What is to be answered, and the right to. */
export interface Task {
  message: Row;
  lease: string;
  prompt: Prompt;
  companion: Companion;
  /** Nothing is said that has not been looked at as a whole. */
  isInDanger: boolean;
}

/** UTF-16 units: so many fit in a message, whatever they are. */
const LONGEST = 8000;

/** What is stored besides the text. */
interface Kept {
  text: string;
  finishReason: string;
  isCut: boolean;
  usage: { inputTokens: number; outputTokens: number };
}

/** Writes the reply. Rejects with a `Fault` or a `Refusal`, and somebody else may claim it then. */
export async function written(task: Task, events: Events): Promise<Reply> {
  const answer = await answered(task, (text) => {
    if (!task.isInDanger) events.send("delta", { text });
  });
  const kept = await (task.isInDanger ? safe(task, answer) : storable(task, answer));
  if (!kept) {
    await release(task, answer);
    throw answer.fault ?? new Fault("empty");
  }
  if (task.isInDanger) events.send("delta", { text: kept.text });
  return await finished(task, kept);
}

/** What the provider said, and how that ended. */
interface Answer {
  text: string;
  end: End;
  fault?: Fault;
}

async function answered({ prompt, companion }: Task, said: (text: string) => void): Promise<Answer> {
  let text = "";
  try {
    const provider = providerOf(companion.provider);
    const ask = { ...prompt, model: companion.model, replyTokens: companion.reply_tokens };
    for await (const piece of patiently(provider, ask, patienceOf(companion.lease_seconds))) {
      if ("end" in piece) return { text, end: piece.end };
      const delta = piece.delta.slice(0, whole(piece.delta, LONGEST - text.length));
      text += delta;
      said(delta);
      if (delta.length < piece.delta.length) {
        return { text, end: { finishReason: "message_is_full", cut: "too_long" } };
      }
    }
    throw new Fault("broken_off");
  } catch (error) {
    const fault = Fault.of(error, text !== "");
    return { text, end: { finishReason: fault.kind, cut: fault.kind, usage: fault.usage }, fault };
  }
}

/** At most so many units, and no half of a surrogate pair. */
function whole(text: string, most: number): number {
  return text.length > most && /[\uD800-\uDBFF]/.test(text[most - 1] ?? "") ? most - 1 : most;
}

async function storable({ prompt }: Task, { text, end }: Answer): Promise<Kept | undefined> {
  const stored = (await load()).storableReply(text);
  if (!stored) return undefined;
  const estimate = { inputTokens: prompt.estimatedTokens, outputTokens: stored.estimatedTokens };
  return {
    text: stored.text,
    finishReason: end.finishReason,
    isCut: stored.isCut || end.cut !== undefined,
    usage: end.usage ?? estimate,
  };
}

/** The reply if it may be said to somebody in danger, else what is said in its place. */
async function safe(task: Task, answer: Answer): Promise<Kept> {
  const bondhu = await load();
  const kept = await storable(task, answer);
  const isWhole = answer.end.cut === undefined || answer.end.cut === "too_long";
  const fault = kept && isWhole ? bondhu.faultOfReply(kept.text) : answer.end.cut ?? "empty";
  if (kept && fault === null) return kept;
  const usage = kept?.usage ?? answer.end.usage ?? { inputTokens: 0, outputTokens: 0 };
  return { text: bondhu.safeReply, finishReason: `replaced: ${fault}`, isCut: false, usage };
}

/** How often storing is tried, and milliseconds between. */
const [TRIES, PAUSE] = [3, 500];

async function finished({ message, lease, companion }: Task, kept: Kept): Promise<Reply> {
  const reply = {
    user_id: message.user_id,
    message_id: message.id,
    lease,
    reply_text: kept.text,
    provider: companion.provider,
    model: companion.model,
    finish_reason: kept.finishReason,
    is_cut: kept.isCut,
    input_tokens: kept.usage.inputTokens,
    output_tokens: kept.usage.outputTokens,
  };
  for (let left = TRIES - 1;; left--) {
    try {
      const stored = await asServer<Omit<Reply, "is_cut" | "finish_reason">>("finish_reply", reply);
      return { ...stored, is_cut: kept.isCut, finish_reason: kept.finishReason };
    } catch (error) {
      const isTransient = error instanceof Refusal && error.problem.code === "database_unavailable";
      if (left === 0 || !isTransient) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

async function release({ message, lease }: Task, { end }: Answer): Promise<void> {
  const used = (end.usage?.inputTokens ?? 0) + (end.usage?.outputTokens ?? 0);
  try {
    await asServer("release_reply", {
      user_id: message.user_id,
      message_id: message.id,
      lease,
      used_tokens: used,
    });
  } catch {
    // The lease runs out by itself.
  }
}
