// What the person told: recalled for a prompt, and looked for once they have their reply.

import { type Exchange, load, type MemoryTask } from "../_shared/bondhu.ts";
import type { Caller } from "./caller.ts";
import { log, Refusal } from "./problems.ts";
import { asServer, asUser, type Companion, companion, type Row } from "./project.ts";
import { patienceOf, providerOf } from "./providers/configured.ts";
import { patiently } from "./providers/patience.ts";
import { type Ask, Fault, type Usage } from "./providers/provider.ts";

/** Milliseconds for which a prompt waits for memories. */
const PATIENCE = 2000;

/** What is worth knowing to answer a message; nothing when that cannot be had, since a reply does without. */
export async function recalled(
  message: Row,
  caller: Caller,
  { memories_in_prompt }: Companion,
): Promise<Exchange["memories"]> {
  if (memories_in_prompt === 0) return [];
  const asked = { query_text: message.message_text, max_rows: memories_in_prompt };
  const found = await asUser(caller.accessToken).rpc("recall", asked).abortSignal(
    AbortSignal.timeout(PATIENCE),
  );
  if (!found.error) return found.data;
  log("memory_unavailable");
  return [];
}

/**
 * Has the model look through what nobody looked through yet: the message that was answered, and what earlier passes
 * could not finish. Nothing waits for it, and nothing fails with it.
 */
export async function remember(caller: Caller): Promise<void> {
  try {
    const who = await companion();
    if (who.memories_in_prompt === 0) return;
    const task = await asServer<MemoryTask | null>("memory_task", { user_id: caller.id });
    if (task) await lookThrough(task, caller, who);
  } catch (error) {
    log(`memory_${error instanceof Refusal ? error.problem.code : "failed"}`);
  }
}

async function lookThrough(task: MemoryTask, caller: Caller, who: Companion): Promise<void> {
  const bondhu = await load();
  const prompt = bondhu.memoryPrompt(task);
  const { text, usage, fault } = await answered({ ...prompt, model: who.model }, who);
  if (fault) log(`memory_${fault.kind}`);
  // What has cost nothing is asked again after the next exchange.
  const hasCost = usage !== undefined || text !== "";
  const estimate = hasCost ? prompt.estimatedTokens + Math.ceil(text.length / 2) : 0;
  await asServer("store_memories", {
    user_id: caller.id,
    ...(hasCost ? bondhu.keptMemories(task, text) : { lease: task.lease, messages: [], memories: [] }),
    used_tokens: usage ? usage.inputTokens + usage.outputTokens : estimate,
  });
}

interface Answer {
  text: string;
  usage?: Usage;
  /** Why there is no more. */
  fault?: Fault;
}

async function answered(ask: Ask, who: Companion): Promise<Answer> {
  let text = "";
  try {
    const provider = providerOf(who.provider);
    for await (const piece of patiently(provider, ask, patienceOf(who.lease_seconds))) {
      if ("delta" in piece) {
        text += piece.delta;
        continue;
      }
      const { usage, cut } = piece.end;
      return { text, usage, fault: cut && new Fault(cut) };
    }
    throw new Fault("broken_off");
  } catch (error) {
    const fault = Fault.of(error, text !== "");
    return { text, usage: fault.usage, fault };
  }
}
