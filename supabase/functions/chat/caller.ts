// Who calls: the platform's own check knows the keys of before only, so `verify_jwt` is off and tokens are
// verified here. https://supabase.com/docs/guides/auth/signing-keys

import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  jwtVerify,
} from "npm:jose@6.1.0";
import type { JWK, JWTVerifyGetKey } from "npm:jose@6.1.0";
import { Refusal } from "./problems.ts";
import { publishableKey, url } from "./project.ts";

export interface Caller {
  id: string;
  accessToken: string;
}

const ASYMMETRIC = ["ES256", "RS256", "EdDSA"];
/** What access tokens of users are for. Their issuer is another one behind a proxy, and says no more than the key. */
const EXPECTED = { audience: "authenticated", requiredClaims: ["sub", "exp"], clockTolerance: 5 };

const known = keysGiven();
const local = createLocalJWKSet({ keys: known.filter((key) => key.kty !== "oct") });
const remote = createRemoteJWKSet(new URL(`${url}/auth/v1/.well-known/jwks.json`), { timeoutDuration: 5000 });

/** The keys that the environment has; without them all are fetched. */
function keysGiven(): JWK[] {
  try {
    const set = JSON.parse(Deno.env.get("SUPABASE_JWKS") ?? "[]");
    const keys = Array.isArray(set) ? set : set.keys;
    return Array.isArray(keys) ? keys : [];
  } catch {
    return [];
  }
}

/** A key that is newer than the environment's is fetched. */
const asymmetric: JWTVerifyGetKey = async (header, token) => {
  try {
    return await local(header, token);
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return await remote(header, token);
    throw error;
  }
};

/** The secret that signed tokens before there were signing keys, if it is known here. */
function sharedSecret(): Uint8Array | undefined {
  const secret = Deno.env.get("SUPABASE_JWT_SECRET") || Deno.env.get("BONDHU_JWT_SECRET");
  if (secret) return new TextEncoder().encode(secret);
  const key = known.find((key) => key.kty === "oct")?.k;
  return key
    ? Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0))
    : undefined;
}

/** Whose token came with a request. Rejects with a `Refusal`. */
export async function callerOf(request: Request): Promise<Caller> {
  const [scheme, accessToken] = (request.headers.get("authorization") ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer" || !accessToken) throw new Refusal("token_missing");
  try {
    const id = await subjectOf(accessToken);
    if (typeof id !== "string" || !isUuid(id)) throw new Refusal("token_invalid");
    return { id, accessToken };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(error instanceof errors.JWTExpired ? "token_expired" : "token_invalid");
  }
}

async function subjectOf(accessToken: string): Promise<unknown> {
  if (decodeProtectedHeader(accessToken).alg !== "HS256") {
    const { payload } = await jwtVerify(accessToken, asymmetric, { ...EXPECTED, algorithms: ASYMMETRIC });
    return payload.role === "authenticated" ? payload.sub : undefined;
  }
  const secret = sharedSecret();
  if (!secret) return await askAuth(accessToken);
  const { payload } = await jwtVerify(accessToken, secret, { ...EXPECTED, algorithms: ["HS256"] });
  return payload.role === "authenticated" ? payload.sub : undefined;
}

/** Auth knows the secret. */
async function askAuth(accessToken: string): Promise<unknown> {
  const answer = await fetch(`${url}/auth/v1/user`, {
    headers: { apikey: publishableKey, authorization: `Bearer ${accessToken}` },
    signal: AbortSignal.timeout(5000),
  });
  const user = await answer.json();
  return answer.ok ? user.id : undefined;
}

export function isUuid(text: unknown): text is string {
  return typeof text === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
