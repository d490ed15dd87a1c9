// What each RPC answers. A new RPC does not compile until it stands here.
//
// Each is for people who have signed in, or for servers alone; anon may call none.

import { type Owner } from "./cast.ts";
import { type Args, optional, type Returns, type Rpc } from "./project.ts";
import { assert } from "./test.ts";

/** For people, each of whom gets what is theirs. */
interface ForPeople<R extends Rpc> {
  /** What the owner of the rows calls it with. */
  args: (owner: Owner) => Args<R>;
  /** What they get, or the SQLSTATEs of which one refuses them. */
  answers: ((data: Returns<R>, owner: Owner) => void) | readonly string[];
  /** What another user gets for the same arguments: nothing of the owner's, or a refusal. */
  other: ((data: Returns<R>) => void) | readonly string[];
}

/** For the service role alone: what edge functions call. */
interface ForServers<R extends Rpc> {
  args: (owner: Owner) => Args<R>;
  server: ((data: Returns<R>, owner: Owner) => void) | readonly string[];
}

const NOTHING = () => {};
const isEmpty = (data: unknown) => assert.deepEqual(data, []);
const isVoid = (data: unknown) => assert.ok(data === null || data === undefined);
/** Not there, ended, used or another's: nobody learns which. */
const UNKNOWN = ["P0002"] as const;
const NOT_LINKED = ["55000"] as const;

const isUuid = (value: unknown) =>
  assert.match(String(value), /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);

function isObject(value: unknown): asserts value is Record<string, unknown> {
  assert.ok(value && typeof value === "object" && !Array.isArray(value));
}

export const expectedOf: { readonly [R in Rpc]: ForPeople<R> | ForServers<R> } = {
  chat_history: {
    args: () => ({ page_size: 5 }),
    answers: (page, owner) => {
      assert.equal(page.length, 5);
      const seqs = page.map((row) => row.seq);
      assert.deepEqual(seqs, seqs.toSorted((a, b) => a - b), "the oldest message first");
      for (const row of page) {
        assert.equal(row.user_id, owner.id);
        assert.equal(typeof row.cursor, "string");
        assert.equal(typeof row.sentiment_score, "number", "a score is a JSON number");
      }
    },
    other: isEmpty,
  },
  personality_context: {
    args: () => ({}),
    answers: (context) => {
      isObject(context);
      assert.ok("traits" in context && "sentiment" in context, Object.keys(context).join(", "));
    },
    other: (context) => isObject(context),
  },
  mood_trend: {
    args: () => ({ bucket: "day" }),
    answers: (days) => {
      assert.equal(days.reduce((sum, day) => sum + day.message_count, 0) >= 8, true);
      for (const day of days) assert.ok(!Number.isNaN(Date.parse(day.bucket_start)));
    },
    other: (days) => days.forEach((day) => assert.equal(day.message_count, 0)),
  },
  mood_mix: {
    args: () => ({}),
    answers: (moods) => assert.ok(moods.some((mood) => mood.message_count >= 8 && mood.share > 0)),
    other: (moods) => moods.forEach((mood) => assert.equal(mood.message_count, 0)),
  },
  wellness_card: {
    args: () => ({}),
    answers: (card) => {
      isObject(card);
      assert.ok("score" in card && "moved_by" in card && "moods" in card, Object.keys(card).join(", "));
    },
    other: (card) => isObject(card),
  },
  dashboard: {
    args: () => ({}),
    answers: (home) => {
      isObject(home);
      assert.ok("wellness" in home && "streak" in home, Object.keys(home).join(", "));
      assert.ok(Number(home.messages_today) >= 0);
    },
    other: (home) => {
      isObject(home);
      assert.equal(home.messages_today, 0);
    },
  },
  recommendations: {
    args: () => ({ kind: "music", max_rows: 5 }),
    answers: (found) => {
      isObject(found);
      assert.equal(found.kind, "music");
      assert.ok(Array.isArray(found.items));
    },
    other: (found) => isObject(found),
  },
  rate_recommendation: {
    args: () => ({ kind: "music", item_id: "none" }),
    answers: isVoid,
    other: isVoid,
  },
  reset_recommendations: {
    args: () => ({}),
    answers: isVoid,
    other: isVoid,
  },
  trending: {
    args: () => ({ kind: "video", region: "BD" }),
    answers: (chart) => {
      isObject(chart);
      assert.equal(chart.region, "BD");
      assert.ok(Array.isArray(chart.items));
    },
    other: (chart) => isObject(chart),
  },
  mood_patterns: {
    args: () => ({}),
    answers: ([patterns]) => {
      assert.equal(patterns.hour_counts.length, 24);
      assert.equal(patterns.weekday_counts.length, 7);
      assert.ok(patterns.hour_counts.reduce((sum, count) => sum + count, 0) >= 8);
    },
    other: (rows) => rows.forEach((row) => assert.equal(row.hour_counts.reduce((sum, n) => sum + n, 0), 0)),
  },
  explain_message: {
    args: ({ messageId }) => ({ message_id: messageId }),
    answers: (parts) => {
      assert.ok(parts.length > 0);
      for (const { figure, part, weight } of parts) {
        assert.deepEqual([typeof figure, typeof part, typeof weight], ["string", "string", "number"]);
      }
    },
    other: UNKNOWN,
  },
  correct_message: {
    // As the engine read it.
    args: ({ messageId }) => ({ message_id: messageId }),
    answers: isVoid,
    other: UNKNOWN,
  },
  assessment_items: {
    args: () => ({ form: "short", locale: "bn-BD" }),
    answers: (items) => {
      assert.equal(items.length, 20);
      for (const { id, item_text, item_locale, is_validated } of items) {
        assert.match(id, /^short_[0-9]{2}$/);
        assert.deepEqual([typeof item_text, item_locale, is_validated], ["string", "bn", false]);
      }
    },
    other: (items) => assert.equal(items.length, 20),
  },
  submit_assessment: {
    args: () => ({ form: "short", answers: { short_01: 4 } }),
    answers: (assessment) => {
      isObject(assessment);
      isUuid(assessment.id);
      assert.deepEqual([assessment.answered, assessment.of, assessment.traits], [1, 20, null]);
    },
    other: (assessment) => isObject(assessment),
  },
  personality_evolution: {
    args: () => ({ trait: "extraversion" }),
    answers: (changes) => assert.ok(Array.isArray(changes)),
    other: isEmpty,
  },
  wellness_history: {
    args: () => ({}),
    answers: (days) => assert.ok(Array.isArray(days)),
    other: isEmpty,
  },
  start_session: {
    args: () => ({ device_id: "conformance, another" }),
    answers: isUuid,
    other: isUuid,
  },
  touch_session: {
    args: ({ sessionId }) => ({ session_id: sessionId }),
    answers: isVoid,
    other: UNKNOWN,
  },
  log_activity: {
    args: ({ sessionId }) => ({ session_id: sessionId, activity: "game.finished", details: { points: 3 } }),
    answers: isUuid,
    other: UNKNOWN,
  },
  end_session: {
    // Not the session that other tests use.
    args: () => ({ session_id: "00000000-0000-4000-8000-000000000000" }),
    answers: UNKNOWN,
    other: UNKNOWN,
  },
  begin_connect: {
    args: () => ({ provider: "spotify", return_to: "https://conformance.invalid/linked" }),
    // The origin is not on the list; or nothing is set up here yet.
    answers: optional.appOrigin ? ["22023"] : ["22023", "55000"],
    other: optional.appOrigin ? ["22023"] : ["22023", "55000"],
  },
  confirm_connect: { args: () => ({ code: "guess" }), answers: UNKNOWN, other: UNKNOWN },
  request_sync: { args: () => ({ provider: "youtube" }), answers: NOT_LINKED, other: NOT_LINKED },
  disconnect: { args: () => ({ provider: "youtube" }), answers: isVoid, other: isVoid },
  recently_played: { args: () => ({ max_rows: 10 }), answers: isEmpty, other: isEmpty },
  top_genres: { args: () => ({ max_rows: 10 }), answers: isEmpty, other: isEmpty },
  hot_document: {
    args: () => ({ document: "chat_history" }),
    answers: (messages) => assert.ok(Array.isArray(messages) && messages.length > 0),
    other: (messages) => assert.ok(messages === null || (Array.isArray(messages) && messages.length === 0)),
  },
  listening_stats: {
    args: () => ({}),
    answers: ([stats]) => {
      assert.equal(stats.plays, 0);
      assert.equal(stats.plays_by_hour.length, 24);
    },
    other: ([stats]) => assert.equal(stats.plays, 0),
  },
  watching_stats: { args: () => ({}), answers: isEmpty, other: isEmpty },
  commit_position: {
    args: () => ({}),
    answers: (position) => assert.match(position, /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/),
    other: NOTHING,
  },
  my_consents: {
    args: () => ({}),
    answers: (consents) => {
      assert.deepEqual(
        consents.map(({ purpose, is_given }) => [purpose, is_given]),
        [["learning", true], ["memory", true], ["provider_prompts", false], ["trending", false]],
      );
    },
    other: NOTHING,
  },
  set_consent: {
    args: () => ({ purpose: "memory", is_given: true }),
    answers: isVoid,
    other: isVoid,
  },
  export_my_data: {
    args: () => ({ max_rows: 5 }),
    answers: (page, owner) => {
      isObject(page);
      assert.equal(page.format, "bondhu.export");
      assert.equal(page.user_id, owner.id);
      assert.equal(typeof page.next_cursor, "string");
    },
    other: (page) => isObject(page),
  },
  // Confirmed, it would leave the rest of the suite nothing to ask for.
  erase_my_data: { args: () => ({ confirm: false }), answers: ["22023"], other: ["22023"] },
  recall: {
    args: () => ({ query_text: "tea" }),
    answers: isEmpty,
    other: isEmpty,
  },
  memory_task: {
    args: (owner) => ({ user_id: owner.id }),
    server: (task) => assert.equal(task, null),
  },
  store_memories: {
    args: (owner) => ({
      user_id: owner.id,
      lease: crypto.randomUUID(),
      messages: [],
      memories: [],
      used_tokens: 0,
    }),
    server: ["55000"],
  },
  companion: {
    args: () => ({}),
    server: (companion) => {
      isObject(companion);
      assert.equal(typeof companion.model, "string");
    },
  },
  claim_reply: {
    args: (owner) => ({ user_id: owner.id, message_id: owner.messageId, prompt_tokens: 100 }),
    server: (claim) => {
      isObject(claim);
      assert.ok(claim.state === "claimed" || claim.state === "writing", String(claim.state));
      isUuid(claim.reply_id);
    },
  },
  // Both under a lease that nobody has.
  finish_reply: {
    args: (owner) => ({
      user_id: owner.id,
      message_id: owner.messageId,
      lease: crypto.randomUUID(),
      reply_text: "Hello!",
      provider: "gemini",
      model: "any",
      finish_reason: "stop",
      is_cut: false,
      input_tokens: 1,
      output_tokens: 1,
    }),
    server: ["55000"],
  },
  release_reply: {
    args: (owner) => ({
      user_id: owner.id,
      message_id: owner.messageId,
      lease: crypto.randomUUID(),
      used_tokens: 0,
    }),
    server: isVoid,
  },
};
