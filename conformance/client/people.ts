// Accounts made for a run, and removed after it.

import type { Session } from "@supabase/supabase-js";
import { type Client, clientWith, publishableKey, service } from "./project.ts";

/** Somebody who has signed in. */
export interface Person {
  id: string;
  email: string;
  password: string;
  client: Client;
  session: Session;
}

const made = new Set<string>();

/** So that `removeEverybody` removes an account that came about in another way. */
export function remember(id: string | undefined): void {
  if (id) made.add(id);
}

/** An address that nobody has, in a domain that is set aside for examples. */
export function freshAddress(): string {
  return `bondhu-conformance-${crypto.randomUUID()}@example.com`;
}

/** An account without a session. */
export async function createAccount(name: string): Promise<{ id: string; email: string; password: string }> {
  const email = freshAddress();
  const password = `p-${crypto.randomUUID()}`;
  const { data, error } = await service.auth.admin.createUser({
    email,
    password,
    email_confirm: true,
    user_metadata: { display_name: name },
  });
  if (error) throw error;
  remember(data.user.id);
  return { id: data.user.id, email, password };
}

export async function signUp(name: string): Promise<Person> {
  const account = await createAccount(name);
  const client = clientWith(publishableKey);
  const { data, error } = await client.auth.signInWithPassword(account);
  if (error) throw error;
  return { ...account, client, session: data.session };
}

/** Leaves nothing behind; says whom it could not remove. */
export async function removeEverybody(): Promise<void> {
  const left: string[] = [];
  for (const id of made) {
    const { error } = await service.auth.admin.deleteUser(id);
    if (error && error.code !== "user_not_found") left.push(`${id}: ${error.message}`);
    made.delete(id);
  }
  if (left.length > 0) throw new Error(`these accounts are left: ${left.join(", ")}`);
}
