// Sessions: what tokens are, how they are renewed, how they end.
// https://supabase.com/docs/guides/auth/sessions

import { refusedByAuth } from "./auth_accounts.ts";
import { owner } from "./cast.ts";
import { signUp } from "./people.ts";
import { type Client, clientWith, forged, headers, publishableKey, request, url } from "./project.ts";
import { assert, fine, test } from "./test.ts";

/** Asks for errors with a code: https://supabase.com/docs/guides/auth/debugging/error-codes. */
const codes = { "x-supabase-api-version": "2024-01-01" };

/** How long Auth takes a used refresh token again, by default; and a second. */
const REUSE_INTERVAL_MS = 11_000;

const renew = (client: Client, refresh_token: string) => client.auth.refreshSession({ refresh_token });

/**
 * Somebody whose session was renewed twice, before the other tests run, so that the interval in which a used token
 * is taken again has passed when the last one asks.
 */
const renewed = await (async () => {
  const person = await signUp("Iris");
  const first = person.session.refresh_token;
  const second = (await renew(person.client, first)).data.session?.refresh_token;
  assert.ok(second);
  const third = (await renew(person.client, second)).data.session?.refresh_token;
  assert.ok(third);
  return { client: person.client, tokens: [first, second, third] as const, at: Date.now() };
})();

test("auth: the project's signing keys are published without an API key", async () => {
  const answer = await request("/auth/v1/.well-known/jwks.json");
  assert.equal(answer.status, 200);
  const { keys } = await answer.json();
  assert.ok(Array.isArray(keys));
  for (const key of keys) {
    assert.ok(key.kid && key.alg && ["EC", "RSA", "OKP"].includes(key.kty), JSON.stringify(key));
    assert.deepEqual(["d", "k", "p"].filter((secret) => secret in key), [], "only what verifies");
  }
});

test("auth: an access token is signed with a published key, and says for whom and how long", async () => {
  const [header, payload, signature] = owner.session.access_token.split(".");
  const { alg, kid, typ } = JSON.parse(atob(fromUrl(header)));
  assert.equal(typ, "JWT");
  const claims = JSON.parse(atob(fromUrl(payload)));
  assert.equal(claims.iss, `${url}/auth/v1`);
  assert.equal(claims.sub, owner.id);
  assert.equal(claims.exp - claims.iat, owner.session.expires_in);
  if (alg === "HS256") return; // A project that signs with the old secret publishes no key.

  const { keys } = await (await request("/auth/v1/.well-known/jwks.json")).json();
  const jwk = keys.find((key: JsonWebKey & { kid: string }) => key.kid === kid);
  assert.ok(jwk, `no key ${kid} is published`);
  assert.equal(alg, "ES256");
  const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", jwk, ecdsa, false, ["verify"]);
  const bytes = Uint8Array.from(atob(fromUrl(signature)), (c) => c.charCodeAt(0));
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  assert.ok(await crypto.subtle.verify(ecdsa, key, bytes, signed), "the signature is that key's");
});

const fromUrl = (text: string) => text.replaceAll("-", "+").replaceAll("_", "/");

test("auth: a renewed session has other tokens and is the same", async () => {
  const person = await signUp("Jane");
  const { data } = fine(await renew(person.client, person.session.refresh_token));
  assert.ok(data.session && data.user);
  assert.equal(data.user.id, person.id);
  assert.notEqual(data.session.refresh_token, person.session.refresh_token);
  const session = (token: string) => JSON.parse(atob(fromUrl(token.split(".")[1]))).session_id;
  assert.equal(session(data.session.access_token), session(person.session.access_token));
});

test("auth: a renewal whose answer was lost is answered again, with the same successor", async () => {
  const person = await signUp("Kate");
  const lost = fine(await renew(person.client, person.session.refresh_token));
  const again = fine(await renew(clientWith(publishableKey), person.session.refresh_token));
  assert.equal(again.data.session?.refresh_token, lost.data.session?.refresh_token);
});

test("auth: what was never a refresh token renews nothing", async () => {
  refusedByAuth(await renew(clientWith(publishableKey), "abcdefabcdef"), "refresh_token_not_found", 400);
  refusedByAuth(await renew(clientWith(publishableKey), "No such token"), "validation_failed", 400);
});

test("auth: signing out ends this session, the others, or all", async () => {
  const person = await signUp("Lena");
  const elsewhere = clientWith(publishableKey);
  const { data: { session } } = fine(await elsewhere.auth.signInWithPassword(person));
  const isGone = async (token: string) => {
    // Not through the client, for which a session that is gone is one that never was.
    const answer = await request("/auth/v1/user", {
      headers: { ...headers(publishableKey, token), ...codes },
    });
    const body = await answer.json();
    if (answer.ok) return false;
    assert.deepEqual([answer.status, body.code], [403, "session_not_found"]);
    return true;
  };
  const both = async () => [await isGone(person.session.access_token), await isGone(session.access_token)];

  fine({ ...await person.client.auth.signOut({ scope: "others" }), data: {} });
  assert.deepEqual(await both(), [false, true], "the others");
  const { data: { session: third } } = fine(await elsewhere.auth.signInWithPassword(person));
  fine({ ...await elsewhere.auth.signOut({ scope: "local" }), data: {} });
  assert.deepEqual([await isGone(person.session.access_token), await isGone(third.access_token)], [
    false,
    true,
  ], "this");
  fine({ ...await person.client.auth.signOut(), data: {} });
  assert.deepEqual(await both(), [true, true], "all");
  refusedByAuth(await renew(elsewhere, person.session.refresh_token), "refresh_token_not_found", 400);
});

for (
  const [what, token, message] of [
    ["malformed", "no.such.token", /invalid JWT: unable to parse or verify signature/],
    ["signed by somebody else", forged(owner.session.access_token), /signature is invalid/],
  ] as const
) {
  test(`auth: an access token that is ${what} is a bad_jwt`, async () => {
    const error = refusedByAuth(await clientWith(publishableKey).auth.getUser(token), "bad_jwt", 403);
    assert.match(error.message, message);
  });
}

test("auth: without a token there is no user", async () => {
  const answer = await request("/auth/v1/user", {
    headers: {
      ...headers(publishableKey),
      authorization: "Basic YWRhOmFkYQ==",
      ...codes,
    },
  });
  assert.equal(answer.status, 401);
  assert.equal((await answer.json()).code, "no_authorization");
});

test("auth: a body that is no JSON is refused", async () => {
  const answer = await request("/auth/v1/signup", {
    method: "POST",
    headers: {
      ...headers(publishableKey),
      "content-type": "application/json",
      ...codes,
    },
    body: "{",
  });
  assert.equal(answer.status, 400);
  assert.equal((await answer.json()).code, "bad_json");
});

test("auth: callers of the first version get the shape of then", async () => {
  const answer = await request("/auth/v1/token?grant_type=password", {
    method: "POST",
    headers: { ...headers(publishableKey), "content-type": "application/json" },
    body: JSON.stringify({ email: owner.email, password: "wrong" }),
  });
  assert.deepEqual(await answer.json(), {
    code: 400,
    error_code: "invalid_credentials",
    msg: "Invalid login credentials",
  });
});

/** The last of this file, and far down the list: it waits for what is left of the interval. */
export function testReuse(): void {
  test("auth: a refresh token whose successor was used too ends the session", async () => {
    const left = renewed.at + REUSE_INTERVAL_MS - Date.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    const [first, second] = renewed.tokens;
    refusedByAuth(await renew(renewed.client, first), "refresh_token_already_used", 400);
    // The newest is not asked: for as long as a used token is taken again, Auth takes one that was just revoked.
    const earlier = await renew(clientWith(publishableKey), second);
    assert.ok(["refresh_token_already_used", "refresh_token_not_found"].includes(earlier.error?.code ?? ""));
    assert.equal(earlier.error?.status, 400);
  });
}
