// What stands in front of the services: API keys, tokens, cross-origin requests, functions.
// https://supabase.com/docs/guides/api/api-keys

import { FunctionsHttpError } from "@supabase/supabase-js";
import { owner } from "./cast.ts";
import {
  anon,
  clientWith,
  forged,
  headers,
  optional,
  publishableKey,
  request,
  secretKey,
} from "./project.ts";
import { assert, fine, hasErrorBody, refused, test } from "./test.ts";

const TABLE = "/rest/v1/chat_messages?select=id&limit=1";

/** The same key of another project: of the right shape, and unknown here. */
function foreign(key: string): string {
  if (!key.startsWith("sb_")) return forged(key);
  return key.slice(0, -12) + (key.endsWith("A") ? "B" : "A").repeat(12);
}

/** A token of role anon that another project's old secret has signed. */
const foreignAnonKey = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." +
  "eyJpc3MiOiJzdXBhYmFzZSIsInJlZiI6ImFub3RoZXIiLCJyb2xlIjoiYW5vbiIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwfQ." +
  "4O0z1LhKkz0DrVQq2p9mYy1m4sR6l8lqXlqf0uHkq1c";

for (const path of ["/rest/v1/", "/auth/v1/settings"]) {
  test(`gateway: ${path}: without a key there is no answer`, async () => {
    const answer = await request(path);
    assert.equal(answer.status, 401);
    const { message, hint } = await answer.json();
    assert.match(message, /No API key found in request/);
    assert.match(hint, /apikey/);
  });
  for (
    const [what, key] of [
      ["no key at all", "wrong"],
      ["another project's", foreign(publishableKey)],
      ["another project's old one", foreignAnonKey],
    ]
  ) {
    test(`gateway: ${path}: a key that is ${what} is refused`, async () => {
      const answer = await request(path, { headers: headers(key) });
      assert.equal(answer.status, 401);
      assert.match((await answer.json()).message, /API key/);
    });
  }
}

test("gateway: the client says so when its key is wrong", async () => {
  const { error, status } = await clientWith("wrong").from("chat_messages").select();
  assert.equal(status, 401);
  assert.match(error?.message ?? "", /API key/);
});

test("gateway: the key may stand in the query, as where no header can be sent", async () => {
  const answer = await request(`/auth/v1/settings?apikey=${publishableKey}`);
  await answer.body?.cancel();
  assert.equal(answer.status, 200);
});

for (
  const [name, key, role] of [
    ["publishable", publishableKey, "anon"],
    ["secret", secretKey, "service_role"],
    ["old anon", optional.anonKey, "anon"],
    ["old service_role", optional.serviceRoleKey, "service_role"],
  ] as const
) {
  test(`gateway: the ${name} key stands for ${role}`, async () => {
    assert.ok(key);
    const answer = await clientWith(key).from("chat_messages").select("id").eq("user_id", owner.id);
    if (role === "anon") refused(answer, "42501", 401);
    else assert.ok(fine(answer).data.length > 0);
  }, !key && "this project has no such key");
}

test("gateway: a person's token goes before the key's role", async () => {
  const client = clientWith(secretKey, {
    headers: { authorization: `Bearer ${owner.session.access_token}` },
  });
  const { data } = fine(await client.from("chat_messages").select("user_id"));
  assert.deepEqual([...new Set(data.map((row) => row.user_id))], [owner.id]);
});

for (
  const [what, token, code, message] of [
    ["has no three parts", "no-token", "PGRST301", /Expected 3 parts in JWT; got 1/],
    ["nobody can read", "no.such.token", "PGRST301", /./],
    ["somebody else has signed", foreignAnonKey, "PGRST301", /./],
    ["has expired", optional.expiredAccessToken, "PGRST303", /^JWT expired$/],
  ] as const
) {
  test(`data api: a token that ${what} is ${code}`, async () => {
    const answer = await request(TABLE, { headers: headers(publishableKey, token) });
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer/);
    const body = await answer.json();
    hasErrorBody(body);
    assert.equal(body.code, code, body.message);
    assert.match(body.message, message);
  }, !token && "EXPIRED_ACCESS_TOKEN is not set");
}

test("auth: a token that has expired is a bad_jwt", async () => {
  const { error } = await clientWith(publishableKey).auth.getUser(optional.expiredAccessToken);
  assert.deepEqual([error?.code, error?.status], ["bad_jwt", 403]);
  assert.match(error?.message ?? "", /token is expired/);
}, !optional.expiredAccessToken && "EXPIRED_ACCESS_TOKEN is not set");

for (const path of ["/rest/v1/chat_messages", "/auth/v1/token", "/functions/v1/no-such-function"]) {
  test(`gateway: ${path}: a browser of another origin may ask`, async () => {
    const answer = await request(path, {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "apikey,authorization,content-type,x-client-info",
      },
    });
    await answer.body?.cancel();
    assert.ok([200, 204].includes(answer.status), `${answer.status}`);
    assert.ok(["*", "https://app.example"].includes(answer.headers.get("access-control-allow-origin") ?? ""));
    const allowed = (answer.headers.get("access-control-allow-headers") ?? "").toLowerCase();
    for (const header of ["apikey", "authorization", "content-type", "x-client-info"]) {
      assert.ok(allowed === "*" || allowed.includes(header), `${header} is not among ${allowed}`);
    }
    const methods = answer.headers.get("access-control-allow-methods") ?? "";
    assert.ok(methods === "*" || methods.includes("POST"), methods);
  });
}

test("gateway: a refusal, too, may be read by a browser of another origin", async () => {
  const answer = await request("/rest/v1/chat_messages", { headers: { origin: "https://app.example" } });
  await answer.body?.cancel();
  assert.ok(["*", "https://app.example"].includes(answer.headers.get("access-control-allow-origin") ?? ""));
});

for (const [who, client] of [["anon", anon], ["a person", owner.client]] as const) {
  test(`functions: one that is not there is not found, for ${who}`, async () => {
    const { data, error } = await client.functions.invoke("no-such-function", { body: {} });
    assert.equal(data, null);
    assert.ok(error instanceof FunctionsHttpError);
    const answer: Response = error.context;
    assert.equal(answer.status, 404);
    assert.deepEqual(await answer.json(), { code: "NOT_FOUND", message: "Requested function was not found" });
  });
}
