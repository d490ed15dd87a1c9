// Every line of client code of the pages, as it stands there, in order, as somebody new.

import { type Block, blocksOf, checkTypes, mentions, writeModule } from "./page_code.ts";
import { hasChat, hasRealtime, optional } from "./project.ts";
import { Reader } from "./reader.ts";
import { assert, fine, test } from "./test.ts";

const PAGES = ["README.md", "docs/frontend.md"];

for (const page of PAGES) {
  const blocks = await blocksOf(page);

  test(`${page}: its code compiles with the generated types`, async () => {
    assert.ok(blocks.length > 0, "there should be code");
    const directory = await Deno.makeTempDir();
    try {
      const files = await Promise.all(blocks.map((block) => writeModule(block, directory)));
      assert.equal(await checkTypes(files, directory), "");
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });

  const reader = new Reader(page);
  for (const block of blocks) {
    test(`${page}, line ${block.line}: runs as it stands there`, () => reader.run(block), lacking(block));
  }
  test(`${page}: what it sends is stored`, async () => {
    const { supabase } = await reader.given();
    const columns = "message_text, mood_detected";
    const { data } = fine(await supabase.from("chat_messages").select(columns).eq("sender_type", "user"));
    assert.ok(data.length > 0);
    for (const row of data) assert.deepEqual(row, { message_text: "I got the job!", mood_detected: "joy" });
  });
}

/** What this project lacks for a block. */
function lacking(block: Block): string | false {
  if (mentions(block, "worker") && !(optional.worker && optional.providerRefreshToken)) {
    return "BONDHU_WORKER_URL and PROVIDER_REFRESH_TOKEN are not set";
  }
  if (mentions(block, "location") && !optional.appOrigin) return "BONDHU_APP_ORIGIN is not set";
  if (mentions(block, "invoke") && !hasChat) return "this project has no function chat";
  if (mentions(block, "channel") && !hasRealtime) return "this project has no Realtime";
  return false;
}

test("a page that names no such table would not compile", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const code = "await supabase.from('messages').select()\n";
    const file = await writeModule({ page: "a control", line: 1, code }, directory);
    assert.match(await checkTypes([file], directory), /messages/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
