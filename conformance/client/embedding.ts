// Every foreign key between tables, followed both ways. A new one does not compile until it stands here.

import type { SupabaseClient } from "@supabase/supabase-js";
import type { Database } from "../../supabase/functions/_shared/database.types.ts";
import { owner } from "./cast.ts";
import type { Table } from "./project.ts";
import { assert, fine, test } from "./test.ts";

type Relationship<T extends Table> = Database["public"]["Tables"][T]["Relationships"][number];
type ForeignKeys<T extends Table> = [Relationship<T>] extends [{ foreignKeyName: infer K extends string }] ? K
  : never;
type Child = { [T in Table]: [Relationship<T>] extends [never] ? never : T }[Table];

/** The keys of each table that has some, and the table that they lead to. */
const foreignKeys: { readonly [T in Child]: Record<ForeignKeys<T>, Table> } = {
  memory_evidence: { memory_evidence_memory_fkey: "memories" },
  music_playlist_items: { music_playlist_items_playlist_fkey: "music_playlists" },
  personality_history: { personality_history_user_id_fkey: "personality_profiles" },
  personality_history_evidence: { evidence_history_fkey: "personality_history" },
  session_activities: { session_activities_session_fkey: "user_sessions" },
  video_playlist_items: { video_playlist_items_playlist_fkey: "video_playlists" },
  sentiment_buckets: { sentiment_buckets_user_id_fkey: "personality_profiles" },
};

const from = (table: string) => (owner.client as unknown as SupabaseClient).from(table);

for (const [table, keys] of Object.entries(foreignKeys)) {
  for (const [key, parent] of Object.entries(keys)) {
    test(`embed: ${table} with its ${parent}`, async () => {
      const { data } = fine(await from(table).select(`user_id, parent:${parent}!${key}(user_id)`));
      for (const row of data as unknown as { parent: { user_id: string } | null }[]) {
        assert.ok(row.parent === null || row.parent.user_id === owner.id);
      }
    });
    test(`embed: ${parent} with its ${table}`, async () => {
      const { data } = fine(await from(parent).select(`user_id, children:${table}!${key}(user_id)`));
      for (const row of data as unknown as { children: { user_id: string }[] }[]) {
        for (const child of row.children) assert.equal(child.user_id, owner.id);
      }
    });
  }
}
