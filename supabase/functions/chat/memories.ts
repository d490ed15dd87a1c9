// What the person told: recalled for a prompt, and looked for once they have their reply.

import { type Exchange, load, type MemoryTask } from "../_shared/bondhu.ts";
import type { Caller } from "./caller.ts";
import { log, refusalOf } from "./problems.ts";
import { asServer, asUser, type Companion, companion, patience, type Row } from "./project.ts";
import { patienceOf, providerOf } from "./providers/configured.ts";
import { patiently } from "./providers/patience.ts";
import { type Ask, Fault, FAULTS, type Usage } from "./providers/provider.ts";

/** What is worth knowing to answer a message. Rejects with a `Refusal`. */
export async function recalled(
  message: Row,
  caller: Caller,
  { memories_in_prompt }: Companion,
): Promise<Exchange["memories"]> {
  if (memories_in_prompt === 0) return [];
  const asked = { query_text: message.message_text, max_rows: memories_in_prompt };
  const found = await asUser(caller.accessToken).rpc("recall", asked).abortSignal(patience());
  if (found.error) throw refusalOf(found.error);
  return found.data;
}

/**
 * Has the model look through what nobody looked through yet, which is this message and what earlier passes could not
 * finish. Nothing waits for it, and nothing fails with it.
 */
export async function remember(caller: Caller): Promise<void> {
  try {
    const who = await companion();
    if (who.memories_in_prompt === 0) return;
    const task = await asServer<MemoryTask | null>("memory_task", { user_id: caller.id });
    if (task) await lookThrough(task, caller, who);
  } catch (error) {
    log(error instanceof Fault ? `memory ${FAULTS[error.kind].code} ${error.kind}` : "memory failed");
  }
}

async function lookThrough(task: MemoryTask, caller: Caller, who: Companion): Promise<void> {
  const bondhu = await load();
  const prompt = bondhu.memoryPrompt(task);
  const { text, usage } = await answered({ ...prompt, model: who.model }, who);
  const estimate = prompt.estimatedTokens + Math.ceil(text.length / 2);
  await asServer("store_memories", {
    user_id: caller.id,
    ...bondhu.keptMemories(task, text),
    used_tokens: usage ? usage.inputTokens + usage.outputTokens : estimate,
  });
}

/** What has cost something is not asked again, whatever came of it. */
async function answered(ask: Ask, who: Companion): Promise<{ text: string; usage?: Usage }> {
  const provider = providerOf(who.provider);
  let text = "";
  try {
    for await (const piece of patiently(provider, ask, patienceOf(who.lease_seconds))) {
      if ("end" in piece) return { text, usage: piece.end.usage };
      text += piece.delta;
    }
    throw new Fault("broken_off");
  } catch (error) {
    const fault = Fault.of(error, text !== "");
    if (text === "" && !fault.usage) throw fault;
    return { text: "", usage: fault.usage };
  }
}
