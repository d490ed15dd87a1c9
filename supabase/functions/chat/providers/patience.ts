// How long a provider is waited for, and when it is asked again.

import { type Ask, Fault, type Piece, type Provider, type Usage } from "./provider.ts";

/** Milliseconds. */
export interface Patience {
  /** Until the first piece, at each try. */
  first: number;
  /** Between two pieces. */
  between: number;
  /** For all of it. */
  all: number;
}

/** Milliseconds before the second try, unless the provider says. */
const PAUSE = 300;
/** A provider that wants more than this is not waited for: the person is told. */
const LONGEST_PAUSE = 3000;

/** A provider's answer within its time. While nothing has come, what may pass is tried once more. */
export async function* patiently(provider: Provider, ask: Ask, patience: Patience): AsyncGenerator<Piece> {
  const deadline = Date.now() + patience.all;
  let spent: Usage | undefined;
  for (let isLast = false;; isLast = true) {
    const upstream = new AbortController();
    let hasBegun = false;
    try {
      const pieces = provider.stream(ask, upstream.signal)[Symbol.asyncIterator]();
      while (true) {
        const next = await within(pieces.next(), hasBegun ? patience.between : patience.first, deadline);
        if (next.done) throw new Fault("broken_off");
        // An end without anything before it may be tried again, too.
        const { end } = "end" in next.value ? next.value : { end: undefined };
        if (!hasBegun && end) throw new Fault(end.cut ?? "empty", { usage: end.usage });
        hasBegun = true;
        yield end ? { end: { ...end, usage: sum(spent, end.usage) } } : next.value;
        if (end) return;
      }
    } catch (error) {
      const fault = Fault.of(error, hasBegun);
      spent = sum(spent, fault.usage);
      const pause = fault.kind === "rate" ? (fault.retryAfter ?? 0) * 1000 : PAUSE;
      const mayWait = pause <= LONGEST_PAUSE && Date.now() + pause < deadline;
      if (hasBegun || isLast || !fault.again || !mayWait) {
        throw new Fault(fault.kind, { retryAfter: fault.retryAfter, usage: spent });
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    } finally {
      upstream.abort();
    }
  }
}

/** What both tries took. */
function sum(spent: Usage | undefined, usage: Usage | undefined): Usage | undefined {
  if (!spent || !usage) return usage ?? spent;
  return {
    inputTokens: spent.inputTokens + usage.inputTokens,
    outputTokens: spent.outputTokens + usage.outputTokens,
  };
}

async function within<T>(work: Promise<T>, patience: number, deadline: number): Promise<T> {
  const left = deadline - Date.now();
  const fault = left <= patience ? new Fault("too_slow") : new Fault("silent");
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(fault), Math.max(0, Math.min(patience, left)));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
