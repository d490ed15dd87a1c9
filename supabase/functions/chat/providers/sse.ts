// The event streams that providers answer with.

import { Fault } from "./provider.ts";

/** Characters of one event: longer than any that a model's reply has. */
const MOST = 1 << 20;

/** The data of each event. */
export async function* dataOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let data: string[] = [];
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    if (rest.length > MOST) throw new Fault("malformed");
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.map((line) => line.replace(/\r$/, ""))) {
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      if (line === "" && data.length > 0) {
        yield data.join("\n");
        data = [];
      }
    }
  }
}

/** JSON in an event or a body. */
// deno-lint-ignore no-explicit-any -- what others send has no type: it is read field by field
export function json(text: string): any {
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === "object") return value;
  } catch {
    // As below.
  }
  throw new Fault("malformed");
}

/** The body of a refusal, as far as it is one; an empty object otherwise. */
// deno-lint-ignore no-explicit-any -- as above
export async function refusalIn(answer: Response): Promise<any> {
  try {
    return json((await answer.text()).slice(0, MOST));
  } catch {
    return {};
  }
}

/** A count that may be missing. */
export function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0
    ? Math.min(value, 10_000_000)
    : 0;
}
