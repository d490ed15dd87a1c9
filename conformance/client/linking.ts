// What linked accounts bring: rows of one person alone, until they let go.
//
// The first pull waits for the planner, which runs once a minute: it is asked for when the suite is loaded, and
// looked at last.

import type { SupabaseClient } from "@supabase/supabase-js";
import { Browser } from "./browser.ts";
import { other } from "./cast.ts";
import { signUp } from "./people.ts";
import { type Client, optional, type Table } from "./project.ts";
import { expectedOf } from "./tables_expected.ts";
import { assert, fine, test } from "./test.ts";

const LONGEST_PULL_MS = 240_000;
const PROVIDERS = ["spotify", "youtube"] as const;

const unless = !(optional.appOrigin && optional.worker) &&
  "BONDHU_APP_ORIGIN and BONDHU_WORKER_URL are not set";

const linked = unless ? undefined : link();
// Whoever awaits it is told.
linked?.catch(() => {});

async function link() {
  const person = await signUp("Pia");
  for (const provider of PROVIDERS) {
    const browser = new Browser(optional.appOrigin!);
    const return_to = `${optional.appOrigin}/linked`;
    const { data: url } = fine(await person.client.rpc("begin_connect", { provider, return_to }));
    browser.location.href = url;
    await browser.go();
    const code = new URLSearchParams(browser.location.search).get("code");
    assert.ok(code, `the browser came back with ${browser.location.search}`);
    assert.equal(fine(await person.client.rpc("confirm_connect", { code })).data, provider);
  }
  return person;
}

async function pulled(client: Client): Promise<void> {
  const until = Date.now() + LONGEST_PULL_MS;
  for (;;) {
    const { data } = fine(await client.from("provider_connections").select("provider, status, last_error"));
    if (data.length === PROVIDERS.length && data.every(({ status }) => status === "ok")) return;
    assert.ok(Date.now() < until, `not pulled yet: ${JSON.stringify(data)}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

export function testLinking(): void {
  test("linking: the worker pulls what the accounts have", async () => {
    const { client } = await linked!;
    const { data } = fine(await client.from("provider_connections").select("provider, status, scopes"));
    assert.deepEqual(data.map(({ provider }) => provider).sort(), [...PROVIDERS]);
    for (const { scopes } of data) assert.ok(scopes.length > 0);
    await pulled(client);
  }, unless);

  const tables = (Object.keys(expectedOf) as Table[]).filter((table) =>
    expectedOf[table].filledBy === "linking"
  );
  for (const table of tables) {
    test(`linking: ${table}: the person's own, and nobody else's`, async () => {
      const { id, client } = await linked!;
      const rows = async (whose: Client) =>
        fine(await (whose as unknown as SupabaseClient).from(table).select().eq("user_id", id)).data;
      assert.ok((await rows(client)).length > 0, "there should be rows");
      assert.deepEqual(await rows(other.client), []);
    }, unless);
  }

  test("linking: what was pulled, in figures", async () => {
    const { client } = await linked!;
    const played = fine(await client.rpc("recently_played", { max_rows: 5 })).data;
    assert.equal(played.length, 5);
    const earlier =
      fine(await client.rpc("recently_played", { max_rows: 5, before_cursor: played[4].cursor })).data;
    for (const { played_at } of earlier) assert.ok(played_at < played[4].played_at, "pages go back in time");
    const [stats] = fine(await client.rpc("listening_stats", { since: "2000-01-01T00:00:00Z" })).data;
    assert.ok(stats.plays > 0 && stats.plays_by_weekday.length === 7);
    assert.ok(fine(await client.rpc("top_genres", { max_rows: 3 })).data.length > 0);
    const [watched] = fine(await client.rpc("watching_stats")).data;
    assert.ok(watched.likes > 0 && watched.subscriptions > 0);
  }, unless);

  test("linking: another sync is asked for no sooner than allowed", async () => {
    const { client } = await linked!;
    const answer = await client.rpc("request_sync", { provider: "spotify" });
    if (answer.error) assert.deepEqual([answer.error.code, answer.status], ["55000", 500]);
    const again = await client.rpc("request_sync", { provider: "spotify" });
    assert.equal(again.error?.code, "55000");
    assert.ok(again.error?.hint);
  }, unless);

  test("linking: who lets go of an account keeps nothing of it, and the other", async () => {
    const { client } = await linked!;
    fine(await client.rpc("disconnect", { provider: "spotify" }));
    const count = async (table: "listening_history" | "video_likes") =>
      fine(await client.from(table).select("*", { count: "exact", head: true })).count ?? -1;
    assert.equal(await count("listening_history"), 0);
    assert.ok(await count("video_likes") > 0);
    const { data } = fine(
      await client.from("provider_connections").select("status").eq("provider", "spotify"),
    );
    assert.deepEqual(data, [{ status: "disconnected" }]);
  }, unless);
}
