// The person's message: read from the request, and stored as them.

import { type Caller, isUuid } from "./caller.ts";
import { Refusal, refusalOf } from "./problems.ts";
import { asUser, patience, type Row } from "./project.ts";

/** What is asked for. */
export interface Sent {
  id: string;
  message_text: string;
  session_id: string | null;
}

/** 8,000 characters, each as an escape of JSON. */
const MOST_BYTES = 128 * 1024;

/** Reads the body. Rejects with a `Refusal`. */
export async function sentIn(request: Request): Promise<Sent> {
  const bytes = await bounded(request);
  let body;
  try {
    body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal("request_invalid");
  }
  const { id, message_text, session_id = null } = body ?? {};
  if (!isUuid(id) || typeof message_text !== "string" || (session_id !== null && !isUuid(session_id))) {
    throw new Refusal("request_invalid");
  }
  if (!message_text.isWellFormed()) {
    throw new Refusal("message_invalid", { message: "The text has half a surrogate pair." });
  }
  return { id: id.toLowerCase(), message_text, session_id };
}

async function bounded(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Refusal("request_too_large");
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

/** Stores the message, or finds it stored by an earlier try. Rejects with a `Refusal`. */
export async function stored(sent: Sent, caller: Caller): Promise<Row> {
  const messages = asUser(caller.accessToken).from("chat_messages");
  const options = { onConflict: "user_id,id", ignoreDuplicates: true };
  const inserted = await messages.upsert(sent, options).select().abortSignal(patience());
  if (inserted.error) throw refusalOf(inserted.error);
  if (inserted.data.length > 0) return inserted.data[0];

  const found = await messages.select().eq("id", sent.id).abortSignal(patience()).maybeSingle();
  if (found.error) throw refusalOf(found.error);
  if (!found.data) throw new Refusal("message_gone");
  const { sender_type, message_text } = found.data;
  if (sender_type !== "user" || message_text !== sent.message_text) throw new Refusal("id_taken");
  return found.data;
}
