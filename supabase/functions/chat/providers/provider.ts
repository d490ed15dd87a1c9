// What answers for the companion, whoever offers it.

/** What a model is asked. */
export interface Ask {
  model: string;
  system: string;
  /** They begin and end with the person, and alternate. */
  turns: readonly { role: "user" | "model"; text: string }[];
  /** The most that it may answer with, what it thinks included. */
  replyTokens: number;
  /** JSON Schema of an answer that is no prose. */
  schema?: unknown;
}

/** As the provider counts. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
}

/** How an answer ended that the model ended. */
export interface End {
  /** The provider's own word for it. */
  finishReason: string;
  /** Why there is no more of it, if there should be. */
  cut?: FaultKind;
  /** Undefined if the provider does not say. */
  usage?: Usage;
}

/** A part of an answer; the last one is its end. */
export type Piece = { delta: string } | { end: End };

export interface Provider {
  /** Answers piece by piece. Throws a `Fault`, or whatever `fetch` throws. */
  stream(ask: Ask, signal: AbortSignal): AsyncIterable<Piece>;
}

interface Row {
  code: string;
  message: string;
  /** Whether to ask once more, at once, while nothing has been streamed. */
  again: boolean;
  /** Seconds after which a person may try again, unless the provider says. */
  retryAfter?: number;
}

/**
 * Everything that an answer can lack. What was streamed before is kept as a reply that is cut; without any of
 * it the client gets the code.
 */
export const FAULTS = {
  too_long: {
    code: "model_said_nothing",
    message: "The model used up its tokens before it said anything.",
    again: false,
  },
  empty: { code: "model_said_nothing", message: "The model said nothing.", again: true, retryAfter: 5 },
  declined: {
    code: "model_declined",
    message: "The model's safety filters keep it from answering this.",
    again: false,
  },
  prompt_blocked: {
    code: "model_declined",
    message: "The model's safety filters refuse this conversation.",
    again: false,
  },
  recitation: {
    code: "model_declined",
    message: "The model stopped before repeating a protected text.",
    again: false,
  },
  stopped: {
    code: "model_failed",
    message: "The model stopped without saying why.",
    again: true,
    retryAfter: 5,
  },
  not_configured: {
    code: "model_not_configured",
    message: "No key of the model's provider is set.",
    again: false,
  },
  key: { code: "model_key_invalid", message: "The provider does not accept the key.", again: false },
  forbidden: {
    code: "model_forbidden",
    message: "The provider does not let this key use the model.",
    again: false,
  },
  unknown_model: { code: "model_unknown", message: "The provider has no such model.", again: false },
  request: { code: "model_request_refused", message: "The provider refuses the request.", again: false },
  quota: {
    code: "model_quota_used_up",
    message: "The provider's quota is used up.",
    again: false,
    retryAfter: 3600,
  },
  rate: {
    code: "model_rate_limited",
    message: "The provider has too many requests of this key.",
    again: true,
    retryAfter: 30,
  },
  failed: { code: "model_failed", message: "The provider has failed.", again: true, retryAfter: 10 },
  overloaded: {
    code: "model_overloaded",
    message: "The provider has too much to do.",
    again: true,
    retryAfter: 20,
  },
  unreachable: {
    code: "model_unreachable",
    message: "The provider cannot be reached.",
    again: true,
    retryAfter: 10,
  },
  malformed: {
    code: "model_malformed",
    message: "The provider's answer cannot be read.",
    again: true,
    retryAfter: 10,
  },
  broken_off: {
    code: "model_broken_off",
    message: "The provider's answer broke off.",
    again: true,
    retryAfter: 5,
  },
  silent: {
    code: "model_silent",
    message: "The provider sent nothing for too long.",
    again: true,
    retryAfter: 10,
  },
  too_slow: { code: "model_silent", message: "The answer took too long.", again: false, retryAfter: 10 },
} as const satisfies Record<string, Row>;

export type FaultKind = keyof typeof FAULTS;

/** Ends an answer. */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly usage: Usage | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;

  constructor(kind: FaultKind, more: { retryAfter?: number; usage?: Usage } = {}) {
    super(kind);
    const row: Row = FAULTS[kind];
    this.kind = kind;
    this.usage = more.usage;
    this.retryAfter = more.retryAfter ?? row.retryAfter;
  }

  /** What was thrown, as a fault; what `fetch` and streams throw is a connection's. */
  static of(error: unknown, hasBegun: boolean): Fault {
    if (error instanceof Fault) return error;
    return new Fault(hasBegun ? "broken_off" : "unreachable");
  }

  get again(): boolean {
    return FAULTS[this.kind].again;
  }
}

/** What a status means that a provider answers with, unless its body says more. */
export function faultOfStatus(status: number): FaultKind {
  switch (status) {
    case 401:
      return "key";
    case 402:
      return "quota";
    case 403:
      return "forbidden";
    case 404:
      return "unknown_model";
    case 408:
    case 503:
    case 504:
    case 529:
      return "overloaded";
    case 429:
      return "rate";
    default:
      return status >= 500 ? "failed" : "request";
  }
}
