// The event stream that a client reads: https://html.spec.whatwg.org/multipage/server-sent-events.html

/** Milliseconds between two signs of life, for whatever stands between and closes what is idle. */
const ALIVE = 15_000;

/** What the client reads. Nothing of it is needed: whoever sends need not know whether somebody still reads. */
export class Events {
  readonly stream: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly #encoder = new TextEncoder();
  readonly #alive = setInterval(() => this.#write(":\n\n"), ALIVE);

  constructor() {
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#left(),
    });
  }

  /** Whether somebody may still read. */
  get isRead(): boolean {
    return this.#controller !== undefined;
  }

  send(event: string, data: unknown): void {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    this.#controller?.close();
    this.#left();
  }

  #write(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text));
  }

  #left(): void {
    this.#controller = undefined;
    clearInterval(this.#alive);
  }
}
