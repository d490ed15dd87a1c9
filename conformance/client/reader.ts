// Somebody who does what a page says, with a browser.

import { Browser } from "./browser.ts";
import type { Given } from "./given.ts";
import { type Block, mentions, requestsIn, writeModule } from "./page_code.ts";
import { signUp } from "./people.ts";
import { clientWith, optional, publishableKey } from "./project.ts";
import { assert, fine } from "./test.ts";

const DEVICE = "phone-1";

/** How long a channel may take to be joined, and to say who is there. */
const LONGEST_JOIN_MS = 10_000;

export class Reader {
  readonly #page: string;
  readonly #browser = new Browser(optional.appOrigin ?? "http://127.0.0.1:3000");
  readonly #answers: { request: string; status: number; body: string }[] = [];
  #devices: string[] = [];
  #given?: Promise<Given>;

  constructor(page: string) {
    this.#page = page;
  }

  given(): Promise<Given> {
    return this.#given ??= this.#prepare();
  }

  async #prepare(): Promise<Given> {
    const { session } = await signUp(`A reader of ${this.#page}`);
    const recorded = this.#fetch.bind(this);
    const supabase = clientWith(publishableKey, { fetch: recorded });
    fine(await supabase.auth.setSession(session));
    return {
      supabase,
      user: session.user,
      deviceId: DEVICE,
      showTyping: () => {},
      showDevices: (devices) => this.#devices = Object.keys(devices),
      session: { ...session, provider_refresh_token: optional.providerRefreshToken },
      worker: optional.worker ?? "",
      location: this.#browser.location,
      fetch: recorded,
    };
  }

  async #fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const answer = await fetch(input, init);
    const request = `${init?.method ?? "GET"} ${input instanceof Request ? input.url : input}`;
    this.#answers.push({
      request,
      status: answer.status,
      body: answer.ok ? "" : await answer.clone().text(),
    });
    return answer;
  }

  async run(block: Block): Promise<void> {
    const given = await this.given();
    this.#answers.length = 0;
    const directory = await Deno.makeTempDir();
    try {
      const { run } = await import(new URL(await writeModule(block, directory), "file:").href);
      await run(given);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
    assert.deepEqual(this.#answers.filter(({ status }) => status >= 400), [], "every request succeeds");
    assert.ok(this.#answers.length >= requestsIn(block), "and every one that the page names was sent");
    await this.#browser.go();
    if (mentions(block, "showDevices")) await this.#seesItself(given);
  }

  /** Waits until the page's channel shows this device, and leaves it. */
  async #seesItself({ supabase }: Given): Promise<void> {
    const until = Date.now() + LONGEST_JOIN_MS;
    while (!this.#devices.includes(DEVICE)) {
      assert.ok(Date.now() < until, `the devices are ${JSON.stringify(this.#devices)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await supabase.removeAllChannels();
    await supabase.realtime.disconnect();
  }
}
