// The project that the function belongs to, as the environment names it.

import { createClient, type SupabaseClient } from "npm:@supabase/supabase-js@2.119.1";
import type { Database } from "../_shared/database.types.ts";
import { dataApi, hotDocuments, sourcesOf } from "../_shared/hot.ts";
import { refusalOf } from "./problems.ts";

export type Row = Database["public"]["Tables"]["chat_messages"]["Row"];

/** `bondhu.companion_settings`, as far as the function reads it. */
export interface Companion {
  name: string;
  persona: string;
  provider: "gemini" | "openai";
  model: string;
  history_tokens: number;
  reply_tokens: number;
  memories_in_prompt: number;
  lease_seconds: number;
}

const env = (name: string) => Deno.env.get(name) || undefined;

function required(name: string, value: string | undefined): string {
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** The keys of today are named; projects from before have one of each kind. */
function key(named: string, legacy: string): string {
  const keys: Record<string, string> = JSON.parse(env(named) ?? "{}");
  return required(named, keys.default ?? Object.values(keys)[0] ?? env(legacy));
}

export const url = required("SUPABASE_URL", env("SUPABASE_URL")).replace(/\/$/, "");
export const publishableKey = key("SUPABASE_PUBLISHABLE_KEYS", "SUPABASE_ANON_KEY");

/** Milliseconds that a request to the database may take. */
const PATIENCE = 10_000;

const options = {
  auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
};

/** A client that acts as a user: row security decides. */
export function asUser(accessToken: string): SupabaseClient<Database> {
  const global = { headers: { authorization: `Bearer ${accessToken}` } };
  return createClient<Database>(url, publishableKey, { ...options, global });
}

const server = createClient(url, key("SUPABASE_SECRET_KEYS", "SUPABASE_SERVICE_ROLE_KEY"), options);

/** Calls a function of the database that only servers may call. */
export async function asServer<T>(name: string, args: Record<string, unknown> = {}): Promise<T> {
  const { data, error } = await server.rpc(name, args).abortSignal(patience());
  if (error) throw refusalOf(error);
  return data as T;
}

export function patience(): AbortSignal {
  return AbortSignal.timeout(PATIENCE);
}

export const readHot = hotDocuments(sourcesOf(env, dataApi(url, publishableKey)));

/** Milliseconds for which settings are kept: a change is followed that late. */
const KEPT = 10_000;

let settings: { companion: Promise<Companion>; until: number } | undefined;

/** Who the companion is, and what answers for it. */
export function companion(): Promise<Companion> {
  if (!settings || Date.now() > settings.until) {
    const companion = asServer<Companion>("companion");
    settings = { companion, until: Date.now() + KEPT };
    companion.catch(() => settings = undefined);
  }
  return settings.companion;
}
