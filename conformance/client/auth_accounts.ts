// Accounts: signing up and in, changing them, and what Auth refuses.
// Codes: https://supabase.com/docs/guides/auth/debugging/error-codes.

import type { AuthError, AuthResponse } from "@supabase/supabase-js";
import { owner } from "./cast.ts";
import { createAccount, freshAddress, remember, signUp } from "./people.ts";
import { anon, authSettings, type Client, clientWith, publishableKey, service } from "./project.ts";
import { assert, fine, test } from "./test.ts";

/** It was refused by Auth, with this code and status. */
export function refusedByAuth(answer: { error: AuthError | null }, code: string, status: number): AuthError {
  assert.ok(answer.error, `it should be refused with ${code}`);
  assert.deepEqual(
    { code: answer.error.code, status: answer.error.status },
    { code, status },
    answer.error.message,
  );
  return answer.error;
}

const freshClient = (): Client => clientWith(publishableKey);
const password = () => `p-${crypto.randomUUID()}`;

const signUpIsClosed = authSettings.disable_signup && "this project lets nobody sign up";
const mailIsAsked = !authSettings.mailer_autoconfirm && "this project confirms addresses by mail";
const noAnonymous = !authSettings.external.anonymous_users && "this project has no anonymous accounts";

async function signedUp(answer: Promise<AuthResponse>) {
  const { data } = fine(await answer);
  remember(data.user?.id);
  assert.ok(data.user && data.session, "there is a session at once");
  return { user: data.user, session: data.session };
}

test("auth: signing up gives an account, a session and a profile with the name", async () => {
  const client = freshClient();
  const email = freshAddress();
  const options = { data: { display_name: "Carla" } };
  const { user, session } = await signedUp(client.auth.signUp({ email, password: password(), options }));
  assert.deepEqual([user.email, user.role, user.aud, user.is_anonymous], [
    email,
    "authenticated",
    "authenticated",
    false,
  ]);
  assert.deepEqual(user.identities?.map(({ provider }) => provider), ["email"]);
  assert.equal(session.token_type, "bearer");
  assert.ok(session.expires_at! > Date.now() / 1000);
  const profile = fine(await client.from("companion_profiles").select("display_name").single());
  assert.equal(profile.data.display_name, "Carla");
}, signUpIsClosed || mailIsAsked);

test("auth: an address signs up once", async () => {
  const answer = await freshClient().auth.signUp({ email: owner.email, password: password() });
  refusedByAuth(answer, "user_already_exists", 422);
}, signUpIsClosed || mailIsAsked);

test("auth: a password that is too short is weak, and the answer says why", async () => {
  const answer = await freshClient().auth.signUp({ email: freshAddress(), password: "short" });
  const error = refusedByAuth(answer, "weak_password", 422);
  assert.equal(error.name, "AuthWeakPasswordError");
  assert.ok((error as AuthError & { reasons: string[] }).reasons.includes("length"));
}, signUpIsClosed);

for (
  const [what, credentials] of [
    ["no password", { email: freshAddress(), password: "" }],
    ["a password longer than 72 bytes", { email: freshAddress(), password: "p".repeat(73) }],
    ["what is no address", { email: "nobody", password: password() }],
  ] as const
) {
  test(`auth: nobody signs up with ${what}`, async () => {
    refusedByAuth(await freshClient().auth.signUp(credentials), "validation_failed", 400);
  }, signUpIsClosed);
}

test("auth: signing in anonymously, and becoming somebody", async () => {
  const client = freshClient();
  const { user } = await signedUp(client.auth.signInAnonymously());
  assert.deepEqual([user.is_anonymous, user.email ?? ""], [true, ""]);
  fine(await client.from("chat_messages").insert({ message_text: "Hello" }));
  const link = await client.rpc("begin_connect", { provider: "spotify", return_to: "https://example.com" });
  assert.equal(link.error?.code, "55000", "an anonymous account links nothing, unless the operator says so");

  refusedByAuth(await client.auth.updateUser({ password: password() }), "validation_failed", 422);
  if (mailIsAsked) return;
  const email = freshAddress();
  const updated = fine(await client.auth.updateUser({ email }));
  assert.deepEqual([updated.data.user.email, updated.data.user.is_anonymous], [email, false]);
  const messages = fine(await client.from("chat_messages").select("message_text"));
  assert.deepEqual(messages.data, [{ message_text: "Hello" }], "and keeps what they have written");
}, noAnonymous);

test("auth: a wrong password and an unknown address are answered alike", async () => {
  const wrong = await freshClient().auth.signInWithPassword({ email: owner.email, password: password() });
  const unknown = await freshClient().auth.signInWithPassword({
    email: freshAddress(),
    password: password(),
  });
  const { message } = refusedByAuth(wrong, "invalid_credentials", 400);
  assert.equal(refusedByAuth(unknown, "invalid_credentials", 400).message, message);
});

test("auth: an address is the same in capitals", async () => {
  const account = await createAccount("Dora");
  const credentials = { email: account.email.toUpperCase(), password: account.password };
  const { data } = fine(await freshClient().auth.signInWithPassword(credentials));
  assert.equal(data.user.id, account.id);
});

test("auth: getUser says who has signed in, getClaims what their token says", async () => {
  const { data: { user } } = fine(await owner.client.auth.getUser());
  assert.deepEqual([user.id, user.email], [owner.id, owner.email]);
  const { data } = fine(await owner.client.auth.getClaims());
  assert.ok(data);
  const { sub, role, aud, aal, is_anonymous, session_id } = data.claims;
  assert.deepEqual([sub, role, aud, aal, is_anonymous], [
    owner.id,
    "authenticated",
    "authenticated",
    "aal1",
    false,
  ]);
  assert.match(String(session_id), /^[0-9a-f-]{36}$/);
});

test("auth: people change what is said of them, and their password", async () => {
  const person = await signUp("Edna");
  const { auth } = person.client;
  const { data } = fine(await auth.updateUser({ data: { colour: "green" } }));
  assert.deepEqual(data.user.user_metadata.colour, "green");
  assert.equal(data.user.user_metadata.display_name, "Edna", "what was there stays");

  refusedByAuth(await auth.updateUser({ password: person.password }), "same_password", 422);
  refusedByAuth(await auth.updateUser({ password: "short" }), "weak_password", 422);
  const next = password();
  fine(await auth.updateUser({ password: next }));
  const old = await freshClient().auth.signInWithPassword({ email: person.email, password: person.password });
  refusedByAuth(old, "invalid_credentials", 400);
  fine(await freshClient().auth.signInWithPassword({ email: person.email, password: next }));
});

test("auth: an address that another has is not taken over", async () => {
  const person = await signUp("Fay");
  refusedByAuth(await person.client.auth.updateUser({ email: owner.email }), "email_exists", 422);
});

test("auth admin: the secret key makes, finds, lists and deletes accounts", async () => {
  const { admin } = service.auth;
  const account = await createAccount("Gail");
  const duplicate = await admin.createUser({
    email: account.email,
    password: password(),
    email_confirm: true,
  });
  refusedByAuth(duplicate, "email_exists", 422);
  const found = fine(await admin.getUserById(account.id));
  assert.deepEqual([found.data.user.email, found.data.user.user_metadata], [account.email, {
    display_name: "Gail",
    email_verified: true,
  }]);
  const listed = fine(await admin.listUsers({ page: 1, perPage: 1 }));
  assert.equal(listed.data.users.length, 1);
  fine(await admin.deleteUser(account.id));
  refusedByAuth(await admin.getUserById(account.id), "user_not_found", 404);
  refusedByAuth(await admin.deleteUser(account.id), "user_not_found", 404);
});

test("auth admin: who has not confirmed their address does not sign in", async () => {
  const account = { email: freshAddress(), password: password() };
  const { data } = fine(await service.auth.admin.createUser(account));
  remember(data.user.id);
  assert.equal(data.user.email_confirmed_at, undefined);
  refusedByAuth(await freshClient().auth.signInWithPassword(account), "email_not_confirmed", 400);
});

test("auth admin: an account needs an address", async () => {
  refusedByAuth(await service.auth.admin.createUser({ password: password() }), "validation_failed", 400);
});

test("auth admin: the publishable key and people are turned away", async () => {
  refusedByAuth(await anon.auth.admin.listUsers(), "not_admin", 403);
  const { access_token } = owner.session;
  const asOwner = clientWith(publishableKey, { headers: { authorization: `Bearer ${access_token}` } });
  refusedByAuth(await asOwner.auth.admin.deleteUser(owner.id), "not_admin", 403);
});

test("auth: with the account everything goes", async () => {
  const person = await signUp("Hope");
  fine(await person.client.from("chat_messages").insert({ message_text: "I was here" }));
  fine(await service.auth.admin.deleteUser(person.id));
  const left = await service.from("chat_messages").select("id", { count: "exact", head: true }).eq(
    "user_id",
    person.id,
  );
  assert.equal(left.count, 0);
  refusedByAuth(await person.client.auth.getUser(person.session.access_token), "user_not_found", 403);
});
