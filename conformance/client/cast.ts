// Who acts in the tests, and what they have written before the first one runs.

import type { Client } from "./project.ts";
import { anon, service } from "./project.ts";
import { type Person, removeEverybody, signUp } from "./people.ts";

export type Role = "owner" | "other" | "anon" | "service";
export const roles: readonly Role[] = ["owner", "other", "anon", "service"];

/** As names of tests say it. */
export const nameOf: Readonly<Record<Role, string>> = {
  owner: "the owner",
  other: "another user",
  anon: "anon",
  service: "the service role",
};

/** Whose rows they are, and what is known of them. */
export interface Owner extends Person {
  sessionId: string;
  messageId: string;
}

/** Makes them; whatever fails, no account stays. */
async function prepare(): Promise<{ owner: Owner; other: Person }> {
  try {
    const person = await signUp("Ada");
    const other = await signUp("Bela");
    return { owner: await writeSomething(person), other };
  } catch (error) {
    await removeEverybody();
    throw error;
  }
}

/** Enough for the engine to conclude something. */
async function writeSomething(person: Person): Promise<Owner> {
  const { client } = person;
  const started = await client.rpc("start_session", { device_id: "conformance" });
  if (started.error) throw started.error;
  const sessionId = started.data;
  const logged = await client.rpc("log_activity", { session_id: sessionId, activity: "chat.opened" });
  if (logged.error) throw logged.error;
  const messages = Array.from({ length: 8 }, (_, n) => ({
    id: crypto.randomUUID(),
    session_id: sessionId,
    message_text: `I am so happy and grateful today! (${n})`,
  }));
  const sent = await client.from("chat_messages").insert(messages);
  if (sent.error) throw sent.error;
  return { ...person, sessionId, messageId: messages[0].id };
}

export const { owner, other } = await prepare();

/** Whose requests they are. */
export const clientOf: Readonly<Record<Role, Client>> = {
  owner: owner.client,
  other: other.client,
  anon,
  service,
};
