// What each table lets whom do. A new table does not compile until it stands here.
//
// Signed-in people read their own rows of every table, the service role reads all, anon nothing.

import type { Owner } from "./cast.ts";
import type { Insert, Table, Update } from "./project.ts";

export type Verb = "insert" | "update" | "delete";

interface Expectation<T extends Table> {
  /** What people may do to their own rows. */
  people: readonly Verb[];
  /** What the service role may do. */
  service: readonly Verb[];
  /** What gives people rows here; nothing that the suite can do, if it is not said. */
  filledBy?: "chatting" | "linking";
  /** A valid row of the owner's. */
  row: (owner: Owner) => Insert<T>;
  /** What an update sets; without it, the owner. */
  change?: Update<T>;
}

const all: readonly Verb[] = ["insert", "update", "delete"];
const walk_id = "00000000-0000-4000-8000-000000000004";
const day = "2026-01-01T00:00:00Z";

/** Nobody writes these through the Data API: the engine does, or the worker. */
const readOnly = { people: [], service: [] };
/** Only the worker does, with what a provider has. */
const pulled = { ...readOnly, filledBy: "linking" } as const;

export const expectedOf: { readonly [T in Table]: Expectation<T> } = {
  companion_profiles: {
    people: ["insert", "update"],
    service: all,
    filledBy: "chatting",
    row: ({ id }) => ({ user_id: id }),
    change: { display_name: "Ada L." },
  },
  user_sessions: {
    people: [],
    service: all,
    filledBy: "chatting",
    row: ({ id }) => ({ user_id: id, device_id: `imported ${crypto.randomUUID()}` }),
  },
  session_activities: {
    people: [],
    service: all,
    filledBy: "chatting",
    row: ({ id, sessionId }) => ({ user_id: id, session_id: sessionId, activity: "chat.imported" }),
  },
  chat_messages: {
    people: all,
    service: all,
    filledBy: "chatting",
    row: ({ id }) => ({ user_id: id, message_text: "I love this quiet morning." }),
    change: { message_text: "I love this quiet morning very much." },
  },
  recommendation_feedback: {
    ...readOnly,
    row: ({ id }) => ({ user_id: id, kind: "video", item_id: "v", feedback: "like" }),
  },
  erasures: {
    ...readOnly,
    row: ({ id }) => ({
      user_id: id,
      up_to_seq: 0,
      with_account: false,
      rows_erased: {},
      requested_at: day,
      finished_at: day,
    }),
  },
  sentiment_buckets: {
    ...readOnly,
    filledBy: "chatting",
    row: ({ id }) => ({ user_id: id, bucket_start: day, ...moods }),
  },
  personality_profiles: {
    ...readOnly,
    filledBy: "chatting",
    row: ({ id }) => ({ user_id: id, as_of: day, window_hours: 24 }),
  },
  personality_history: {
    ...readOnly,
    filledBy: "chatting",
    row: ({ id }) => ({
      user_id: id,
      changed_at: day,
      before: {},
      after: {},
      window_start: day,
      window_end: day,
      message_count: 5,
    }),
  },
  personality_history_evidence: {
    ...readOnly,
    filledBy: "chatting",
    row: ({ id, messageId }) => ({ user_id: id, history_id: walk_id, message_id: messageId, weight: 30 }),
  },
  consents: {
    ...readOnly,
    row: ({ id }) => ({ user_id: id, purpose: "memory", is_given: true, decided_at: day }),
  },
  memories: {
    people: ["update", "delete"],
    service: ["update", "delete"],
    row: ({ id }) => ({ user_id: id, memory_text: "Likes tea.", category: "preference", confidence: 0.9 }),
    change: { memory_text: "Likes green tea." },
  },
  memory_evidence: {
    ...readOnly,
    row: ({ id, messageId }) => ({ user_id: id, memory_id: walk_id, message_id: messageId }),
  },
  assessments: { ...readOnly, row: ({ id }) => ({ user_id: id, form: "short" }) },
  provider_connections: { ...pulled, row: ({ id }) => ({ user_id: id, provider: "spotify" }) },
  listening_history: {
    ...pulled,
    row: ({ id }) => ({ user_id: id, played_at: day, track_id: "t", track_name: "Song" }),
  },
  listening_gaps: {
    ...readOnly,
    row: ({ id }) => ({ user_id: id, after_play: day, before_play: "2026-01-02T00:00:00Z" }),
  },
  music_top_items: {
    ...pulled,
    row: ({ id }) => ({
      user_id: id,
      kind: "artist",
      time_range: "short_term",
      rank: 1,
      item_id: "a",
      name: "Artist",
      walk_id,
    }),
  },
  music_library: {
    ...pulled,
    row: ({ id }) => ({ user_id: id, kind: "album", item_id: "a", name: "Album", walk_id }),
  },
  music_playlists: { ...pulled, row: ({ id }) => ({ user_id: id, playlist_id: "p", walk_id }) },
  music_playlist_items: {
    ...pulled,
    row: ({ id }) => ({ user_id: id, playlist_id: "p", position: 0, track_id: "t", name: "Song", walk_id }),
  },
  music_preferences: {
    ...pulled,
    row: ({ id }) => ({
      user_id: id,
      provider: "spotify",
      play_count: 0,
      plays_by_hour: new Array(24).fill(0),
      plays_by_weekday: new Array(7).fill(0),
      recently_played: [],
      top_artists: [],
      top_genres: [],
      computed_at: day,
    }),
  },
  video_subscriptions: { ...pulled, row: ({ id }) => ({ user_id: id, channel_id: "c", walk_id }) },
  video_likes: { ...pulled, row: ({ id }) => ({ user_id: id, video_id: "v", walk_id }) },
  video_playlists: { ...pulled, row: ({ id }) => ({ user_id: id, playlist_id: "p", walk_id }) },
  video_playlist_items: {
    ...pulled,
    row: ({ id }) => ({ user_id: id, playlist_id: "p", item_id: "i", video_id: "v", walk_id }),
  },
  video_preferences: {
    ...pulled,
    row: ({ id }) => ({
      user_id: id,
      top_categories: [],
      top_topics: [],
      top_channels: [],
      recent_channels: [],
      subscription_count: 0,
      like_count: 0,
      playlist_count: 0,
      computed_at: day,
    }),
  },
};

const moods = {
  message_count: 1,
  score_sum: 50,
  score_sum_squares: 2500,
  angry: 0,
  anxious: 0,
  calm: 1,
  curious: 0,
  disgust: 0,
  grateful: 0,
  joy: 0,
  lonely: 0,
  love: 0,
  neutral: 0,
  sad: 0,
  surprise: 0,
  tired: 0,
};
