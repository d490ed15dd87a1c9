// The code of the pages, taken from the pages.

const root = new URL("../../", import.meta.url);

/** A block of code. */
export interface Block {
  page: string;
  /** Of its first line in the page. */
  line: number;
  code: string;
}

/** The blocks marked `ts`, in the page's order. */
export async function blocksOf(page: string): Promise<Block[]> {
  const blocks: Block[] = [];
  let open: Block | undefined;
  (await Deno.readTextFile(new URL(page, root))).split("\n").forEach((text, index) => {
    if (!open && text === "```ts") {
      open = { page, line: index + 2, code: "" };
    } else if (open && text === "```") {
      blocks.push(open);
      open = undefined;
    } else if (open) {
      open.code += `${text}\n`;
    }
  });
  return blocks;
}

/** How many requests the code names, those over a channel left out. */
export function requestsIn({ code }: Block): number {
  const written = code.replaceAll(/^\s*\/\/.*$/gm, "");
  return written.matchAll(/\bsupabase\s*\.\s*(?:from|rpc|functions\s*\.\s*invoke)\(|\bfetch\(/g).toArray()
    .length;
}

/** Whether it uses the name. */
export function mentions({ code }: Block, name: string): boolean {
  return new RegExp(`\\b${name}\\b`).test(code);
}

/** Writes a block down as a module with a function `run`; the names that it takes as given are arguments. */
export async function writeModule(block: Block, directory: string): Promise<string> {
  const file = `${directory}/${block.page.replaceAll(/\W+/g, "_")}_${block.line}.ts`;
  await Deno.writeTextFile(
    file,
    `// From ${block.page}, line ${block.line}.\n` +
      `import type { Given } from ${JSON.stringify(new URL("given.ts", import.meta.url).href)};\n` +
      `export async function run(given: Given): Promise<void> {\n` +
      `const { supabase, session, user, deviceId, showTyping, showDevices, worker, location, fetch } = given;\n` +
      `${block.code}}\n`,
  );
  return file;
}

/** Checks the types of modules; says what is wrong with them. */
export async function checkTypes(files: string[], directory: string): Promise<string> {
  const own = JSON.parse(await Deno.readTextFile(new URL("deno.json", import.meta.url)));
  const config = `${directory}/deno.json`;
  // Pages leave out what to do when `error` is set, so that `data` may be null as far as the types know.
  const compilerOptions = { strict: false };
  await Deno.writeTextFile(config, JSON.stringify({ imports: own.imports, lock: false, compilerOptions }));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--config", config, ...files],
    env: { NO_COLOR: "1" },
  }).output();
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  return success ? "" : said || "it does not compile";
}
