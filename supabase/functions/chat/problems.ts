// What can go wrong, as clients read it: docs/companion.md lists the codes.

/** The body of a refusal, and the data of the event `error`. */
export interface Problem {
  /** Stable. */
  code: string;
  /** A sentence for whoever reads logs. */
  message: string;
  /** Seconds after which the same request may succeed; none if waiting alone does not help. */
  retry_after?: number;
}

/** By code: the status where nothing has been streamed yet, and the sentence. */
const PROBLEMS = {
  method_not_allowed: [405, "Send a POST."],
  request_invalid: [400, "The body is JSON: { id, message_text, session_id? }, the ids UUIDs."],
  request_too_large: [413, "The request is larger than any message."],
  token_missing: [401, "Send the user's access token as Authorization: Bearer …"],
  token_invalid: [401, "This is no access token of a user of this project."],
  token_expired: [401, "The access token has expired: refresh the session, and send the same again."],
  message_invalid: [400, "The text cannot be a message."],
  session_unknown: [404, "There is no such session of this user."],
  account_unknown: [401, "There is no such account any more."],
  id_taken: [409, "The id belongs to another message: send this one under a new id."],
  database_unavailable: [503, "The database does not answer. Send the same again."],
  message_gone: [409, "The message was deleted: there is nothing to answer."],
  messages_per_minute: [429, "These are too many messages in a minute."],
  tokens_per_day: [429, "This user's tokens of today are used up."],
  project_tokens_per_day: [429, "The project's tokens of today are used up."],
  still_writing: [409, "Another request is still writing the reply. Send the same again later."],
  internal: [500, "Something went wrong here. Send the same again."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type Code = keyof typeof PROBLEMS;

/** Ends a request. */
export class Refusal extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(code: Code, more: { message?: string; retry_after?: number } = {}) {
    const [status, message] = PROBLEMS[code];
    super(code);
    this.status = status;
    this.problem = { code, message, ...more };
  }
}

/** A database's error as Postgres and PostgREST give it. */
interface DatabaseError {
  code?: string;
  message: string;
  hint?: string | null;
}

/** What an error of the database means to the client. */
export function refusalOf(error: DatabaseError): Refusal {
  const { code, message, hint } = error;
  switch (code) {
    case "23514":
      return new Refusal("message_invalid", { message: hint ? `${message}. ${hint}` : message });
    case "23503":
      return new Refusal(message.includes("session") ? "session_unknown" : "account_unknown");
    case "22P05":
      return new Refusal("message_invalid", { message: "A message holds no U+0000." });
    case "PGRST301":
    case "PGRST303":
      return new Refusal("token_expired");
    case "P0002":
      return new Refusal("message_gone");
    case "55000":
      return new Refusal("id_taken");
    default:
      log(`database_${code ?? "unreachable"}`);
      return new Refusal("database_unavailable", { retry_after: 2 });
  }
}

/** Codes only: no text and no key of anybody stands in a log. */
export function log(code: string): void {
  console.error(JSON.stringify({ function: "chat", code }));
}
