// An exchange, from the stored message to the stored reply.

import { load } from "../_shared/bondhu.ts";
import type { Caller } from "./caller.ts";
import type { Events } from "./events.ts";
import { recalled, remember } from "./memories.ts";
import { log, type Problem, Refusal, refusalOf } from "./problems.ts";
import { asServer, asUser, companion, patience, type Row } from "./project.ts";
import { Fault, FAULTS } from "./providers/provider.ts";
import { type Reply, written } from "./reply.ts";
import { type Situation, situationOf } from "./situation.ts";
import { typing } from "./typing.ts";

/** What `claim_reply` answers. */
type Claim =
  | { state: "claimed"; reply_id: string; lease: string }
  | { state: "writing"; reply_id: string; retry_after: number }
  | { state: "done"; reply_id: string; is_cut: boolean; finish_reason: string }
  | {
    state: "limited";
    limit: "messages_per_minute" | "tokens_per_day" | "project_tokens_per_day";
    retry_after: number | null;
  };

/** Milliseconds for which another request's reply is waited for. */
const JOINED = 100_000;
/** Milliseconds between two looks. */
const [FIRST_LOOK, LAST_LOOK] = [200, 2000];
/**
 * Milliseconds for which help waits for what is known of the person, which only adds the country: enough for Redis and
 * the worker to be silent, and Postgres to answer.
 */
const HELP_WAITS = 2500;

/** Answers a stored message. Everything that fails becomes an event. */
export async function exchange(message: Row, caller: Caller, events: Events): Promise<void> {
  const typed = typing(caller);
  let isNew = false;
  try {
    events.send("message", message);
    const answer = await replied(message, caller, events);
    events.send("reply", answer.reply);
    isNew = answer.isNew;
  } catch (error) {
    events.send("error", problemOf(error));
  } finally {
    const silent = typed();
    events.end();
    await silent;
  }
  if (isNew) await remember(caller);
}

/** The stored reply, and whether it was written now. */
interface Answer {
  reply: Reply;
  isNew: boolean;
}

async function replied(message: Row, caller: Caller, events: Events): Promise<Answer> {
  const bondhu = await load();
  const who = companion();
  const told = who.then((companion) => recalled(message, caller, companion));
  told.catch(() => {}); // It is awaited below, as who is in it; help comes before it matters.
  const knowing = situationOf(message, caller);
  const help = (situation?: Situation) => events.send("help", bondhu.helpFor(situation?.locale));
  if (message.support_level === "crisis") {
    help(await Promise.race([knowing.catch(() => undefined), later(HELP_WAITS)]));
  }
  const situation = await knowing;
  if (situation.need === "crisis" && message.support_level !== "crisis") help(situation);

  const prompt = bondhu.prompt({ companion: await who, memories: await told, ...situation });
  const claim = await claimed(message, caller, prompt.estimatedTokens, events);
  switch (claim.state) {
    case "claimed": {
      const isInDanger = situation.need === "crisis";
      const task = { ...claim, message, prompt, isInDanger, companion: await who };
      try {
        return { reply: await written(task, events), isNew: true };
      } catch (error) {
        return { reply: await replayedIfStored(error, message, caller, events), isNew: false };
      }
    }
    case "done":
      return { reply: await replayed(claim, caller, events), isNew: false };
    case "writing":
      throw new Refusal("still_writing", { retry_after: claim.retry_after });
    case "limited":
      throw new Refusal(claim.limit, claim.retry_after === null ? {} : { retry_after: claim.retry_after });
  }
}

/** Claims the reply. While somebody else writes it, waits: it is then stored, or theirs no longer. */
async function claimed(message: Row, caller: Caller, tokens: number, events: Events): Promise<Claim> {
  const deadline = Date.now() + JOINED;
  for (let pause = FIRST_LOOK;; pause = Math.min(pause * 1.5, LAST_LOOK)) {
    const claim = await asServer<Claim>("claim_reply", {
      user_id: caller.id,
      message_id: message.id,
      prompt_tokens: Math.min(tokens, 1_000_000),
    });
    if (claim.state !== "writing" || !events.isRead || Date.now() > deadline) return claim;
    await later(pause);
  }
}

/** What is stored already, as if it were being written. */
async function replayed(done: Claim & { state: "done" }, caller: Caller, events: Events): Promise<Reply> {
  const columns = "id, session_id, sender_type, message_text, created_at";
  const found = await asUser(caller.accessToken).from("chat_messages").select(columns)
    .eq("id", done.reply_id).abortSignal(patience()).maybeSingle();
  if (found.error) throw refusalOf(found.error);
  if (!found.data) throw new Refusal("message_gone", { message: "The reply was deleted." });
  events.send("delta", { text: found.data.message_text });
  return { ...found.data, is_cut: done.is_cut, finish_reason: done.finish_reason };
}

/** A lease that ran out may have gone to another request, which has stored the reply by now. */
async function replayedIfStored(
  error: unknown,
  message: Row,
  caller: Caller,
  events: Events,
): Promise<Reply> {
  if (!(error instanceof Refusal) || error.problem.code !== "id_taken") throw error;
  const claim = await claimed(message, caller, 0, events);
  if (claim.state !== "done") throw new Refusal("still_writing", { retry_after: 5 });
  return await replayed(claim, caller, events);
}

function problemOf(error: unknown): Problem {
  if (error instanceof Refusal) return error.problem;
  if (error instanceof Fault) {
    log(`${FAULTS[error.kind].code} ${error.kind}`);
    const { code, message } = FAULTS[error.kind];
    return { code, message, ...(error.retryAfter === undefined ? {} : { retry_after: error.retryAfter }) };
  }
  log(error instanceof Error ? error.name : "unknown");
  return new Refusal("internal").problem;
}

export function later(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), milliseconds));
}
