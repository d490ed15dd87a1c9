// What is known before the companion answers: the person, the conversation, and what they need.

import type { Exchange } from "../_shared/bondhu.ts";
import type { Caller } from "./caller.ts";
import { refusalOf } from "./problems.ts";
import { asUser, patience, readHot, type Row } from "./project.ts";

export interface Situation {
  /** The document `personality_context`. */
  context: unknown;
  locale: string | undefined;
  /** Up to the message that is answered. */
  history: Exchange["history"];
  need: NonNullable<Exchange["need"]>;
}

/** The longest that settings can have a crisis stand: `crisis_support_is_bounded`. */
const LONGEST_CRISIS_DAYS = 30;

/** As of the message. Rejects when Postgres does not answer. */
export async function situationOf(message: Row, caller: Caller): Promise<Situation> {
  const position = await asUser(caller.accessToken).rpc("commit_position").abortSignal(patience());
  if (position.error) throw refusalOf(position.error);
  const reader = { userId: caller.id, accessToken: caller.accessToken, minLsn: position.data };
  const read = Promise.all([readHot("personality_context", reader), readHot("chat_history", reader)]);
  const [context, history] = (await read.catch((error) => {
    throw refusalOf(error);
  })).map(({ data }) => data);
  const { profile, sentiment } = (context ?? {}) as { profile?: { locale?: string }; sentiment?: Sentiment };
  return {
    context,
    locale: profile?.locale ?? undefined,
    history: until(message, history),
    need: await needOf(message, sentiment?.needs_support === true, caller),
  };
}

interface Sentiment {
  needs_support?: boolean;
}

async function needOf(message: Row, needsSupport: boolean, caller: Caller): Promise<Situation["need"]> {
  if (message.support_level === "crisis") return "crisis";
  if (!needsSupport) return message.support_level === "support" ? "support" : "none";
  const since = new Date(Date.now() - LONGEST_CRISIS_DAYS * 86_400_000).toISOString();
  const crises = await asUser(caller.accessToken).from("chat_messages").select("id")
    .eq("support_level", "crisis").gt("created_at", since).limit(1).abortSignal(patience());
  if (crises.error) throw refusalOf(crises.error);
  return crises.data.length > 0 ? "crisis" : "support";
}

/** The conversation as it was when the message was written; a retry may come late. */
function until(message: Row, history: unknown): Exchange["history"] {
  const messages = (Array.isArray(history) ? history : []) as Row[];
  const earlier = messages.slice(0, Math.max(0, messages.findIndex(({ id }) => id === message.id)));
  return [...earlier, message].map(({ sender_type, message_text }) => (
    { sender_type: sender_type as "user" | "ai", message_text }
  ));
}
