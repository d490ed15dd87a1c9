// The project under test, as the environment names it, and its clients.

import { createClient, type SupabaseClient, type SupabaseClientOptions } from "@supabase/supabase-js";
import type { Database } from "../../supabase/functions/_shared/database.types.ts";

export type Client = SupabaseClient<Database>;
export type Table = keyof Database["public"]["Tables"];
export type Rpc = keyof Database["public"]["Functions"];
export type Row<T extends Table> = Database["public"]["Tables"][T]["Row"];
export type Insert<T extends Table> = Database["public"]["Tables"][T]["Insert"];
export type Update<T extends Table> = Database["public"]["Tables"][T]["Update"];
export type Args<R extends Rpc> = Database["public"]["Functions"][R]["Args"];
export type Returns<R extends Rpc> = Database["public"]["Functions"][R]["Returns"];

function variable(...names: string[]): string {
  for (const name of names) {
    const value = Deno.env.get(name);
    if (value) return value;
  }
  throw new Error(`${names.join(" or ")} has to be set: see conformance/client/README.md`);
}

export const url = variable("SUPABASE_URL").replace(/\/$/, "");
export const publishableKey = variable("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY");
export const secretKey = variable("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY");

/** What a project need not have. */
export const optional = {
  anonKey: Deno.env.get("SUPABASE_ANON_KEY"),
  serviceRoleKey: Deno.env.get("SUPABASE_SERVICE_ROLE_KEY"),
  /** Of a real user, long expired: only who has the signing key can make one. */
  expiredAccessToken: Deno.env.get("EXPIRED_ACCESS_TOKEN"),
  /** Where the sync worker listens. */
  worker: Deno.env.get("BONDHU_WORKER_URL")?.replace(/\/$/, ""),
  /** An origin that `provider_settings.return_to_allow_list` names. */
  appOrigin: Deno.env.get("BONDHU_APP_ORIGIN"),
  /** A refresh token of Spotify's for the worker's client, as Supabase Auth hands it out. */
  providerRefreshToken: Deno.env.get("PROVIDER_REFRESH_TOKEN"),
};

type Options = SupabaseClientOptions<"public">;

/** A client that keeps nothing between runs, and renews nothing by itself. */
export function clientWith(key: string, global: Options["global"] = {}): Client {
  return createClient<Database>(url, key, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global,
  });
}

/** Nobody has signed in. */
export const anon = clientWith(publishableKey);
/** What servers have. */
export const service = clientWith(secretKey);

/** Below the project's URL, without a client: `path` starts with `/`. */
export function request(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url + path, init);
}

/** The headers of a client without a session, or with an access token. */
export function headers(key: string, accessToken?: string): Record<string, string> {
  return accessToken ? { apikey: key, authorization: `Bearer ${accessToken}` } : { apikey: key };
}

/** A token with the same claims, which somebody else has signed. */
export function forged(token: string): string {
  const [header, payload, signature] = token.split(".");
  const first = signature.startsWith("A") ? "B" : "A";
  return `${header}.${payload}.${first}${signature.slice(1)}`;
}

/** What Auth says of itself: https://supabase.com/docs/guides/auth. */
interface AuthSettings {
  disable_signup: boolean;
  mailer_autoconfirm: boolean;
  external: Record<string, boolean>;
}

async function json<T>(path: string): Promise<T> {
  const answer = await request(path, { headers: headers(publishableKey) });
  if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}

export const authSettings = await json<AuthSettings>("/auth/v1/settings");

/** Whether the project is this repository's own stand-in, whose differences are listed. */
export const isStandIn = (await json<{ version?: string }>("/auth/v1/health")).version === "stand-in";

/** Whether the companion answers. */
export const hasChat = await request("/functions/v1/chat", { method: "POST" }).then(async (answer) => {
  await answer.body?.cancel();
  return answer.status === 401;
});

/** Whether Realtime listens. */
export const hasRealtime = await new Promise<boolean>((resolve) => {
  const socket = new WebSocket(
    `${url.replace(/^http/, "ws")}/realtime/v1/websocket?apikey=${publishableKey}&vsn=2.0.0`,
  );
  socket.onopen = () => socket.close();
  socket.onclose = ({ wasClean }) => resolve(wasClean);
  socket.onerror = () => resolve(false);
});
