// The project under test, as the environment names it, and accounts made for a run.

import { createClient, type Session, type SupabaseClient } from "@supabase/supabase-js";
import type { Database } from "../../supabase/functions/_shared/database.types.ts";

export type Client = SupabaseClient<Database>;

function variable(...names: string[]): string {
  for (const name of names) {
    const value = Deno.env.get(name);
    if (value) return value;
  }
  throw new Error(`${names.join(" or ")} has to be set: see conformance/functions/README.md`);
}

export const url = variable("SUPABASE_URL").replace(/\/$/, "");
export const publishableKey = variable("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY");
const secretKey = variable("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY");
export const redisUrl = variable("UPSTASH_REDIS_REST_URL");
export const redisToken = variable("UPSTASH_REDIS_REST_TOKEN");
export const workerUrl = variable("BONDHU_WORKER_URL").replace(/\/$/, "");

const options = { auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false } };

/** What servers have. */
export const service = createClient(url, secretKey, options);

/** Somebody who has signed in. */
export interface Person {
  id: string;
  client: Client;
  accessToken: string;
  session: Session;
}

const made = new Set<string>();

export async function signUp(): Promise<Person> {
  const account = {
    email: `bondhu-conformance-${crypto.randomUUID()}@example.com`,
    password: `p-${crypto.randomUUID()}`,
  };
  const created = await service.auth.admin.createUser({ ...account, email_confirm: true });
  if (created.error) throw created.error;
  made.add(created.data.user.id);
  const client = createClient<Database>(url, publishableKey, options);
  const { data, error } = await client.auth.signInWithPassword(account);
  if (error) throw error;
  return { id: data.user.id, client, accessToken: data.session.access_token, session: data.session };
}

/** Somebody who has not said who they are. */
export async function anonymous(): Promise<Person> {
  const client = createClient<Database>(url, publishableKey, options);
  const { data, error } = await client.auth.signInAnonymously();
  if (error) throw error;
  made.add(data.user!.id);
  return { id: data.user!.id, client, accessToken: data.session!.access_token, session: data.session! };
}

/** Leaves nothing behind. */
export async function removeEverybody(): Promise<void> {
  for (const id of made) await service.auth.admin.deleteUser(id);
  made.clear();
}

/** It worked; its data. */
export function fine<T>({ data, error }: { data: T; error: { message: string } | null }): NonNullable<T> {
  if (error) throw new Error(error.message);
  return data as NonNullable<T>;
}
