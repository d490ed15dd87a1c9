// As much of a browser as linking an account needs: it leaves for a page, and comes back.

import type { Given } from "./given.ts";
import { assert } from "./test.ts";

export class Browser {
  readonly location: Given["location"];
  #destination?: string;

  constructor(origin: string) {
    let at = new URL("/", origin);
    const leaveFor = (destination: string) => this.#destination = destination;
    this.arriveAt = (page) => {
      at = page;
    };
    this.location = {
      origin,
      get search() {
        return at.search;
      },
      get href() {
        return at.href;
      },
      set href(destination: string) {
        leaveFor(destination);
      },
    };
  }

  private readonly arriveAt: (page: URL) => void;

  /**
   * Follows where the page has sent it, until it is back. A provider's page that asks a person is the end: only
   * the stand-in for the providers consents by itself.
   */
  async go(): Promise<void> {
    if (this.#destination === undefined) return;
    let next = new URL(this.#destination);
    this.#destination = undefined;
    for (let hops = 0; next.origin !== this.location.origin; hops += 1) {
      assert.ok(hops < 5, `it is sent around, at last to ${next}`);
      const answer = await fetch(next, { redirect: "manual" });
      await answer.body?.cancel();
      const onward = answer.headers.get("location");
      assert.ok(onward, `${next.origin} answers ${answer.status} and sends nobody back`);
      next = new URL(onward, next);
    }
    this.arriveAt(next);
  }
}
