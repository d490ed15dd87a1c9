// Servers of a test's own.

/** Serves on a port of its own until the test is over. */
export async function serving<T>(
  handler: (request: Request) => Response | Promise<Response>,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, handler);
  try {
    return await use(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

/** Passes a request on, as it is or with the body that was read of it. */
export async function passedOn(request: Request, to: string, read?: string): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const { method, headers } = request;
  const body = read ?? (["GET", "HEAD"].includes(method) ? undefined : await request.arrayBuffer());
  return await fetch(`${to}${pathname}${search}`, { method, headers, body });
}

/** Accepts connections, and never says a word. */
export async function silent<T>(use: (url: string) => Promise<T>): Promise<T> {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) connections.push(connection);
  })();
  try {
    return await use(`http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`);
  } finally {
    listener.close();
    for (const connection of connections) connection.close();
    await accepting;
  }
}

/** Where nobody listens. */
export function nobody(): string {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return `http://127.0.0.1:${port}`;
}
