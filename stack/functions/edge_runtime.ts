// What the hosted runtime has and Deno has not: https://supabase.com/docs/guides/functions/background-tasks

const runtime = {
  /** The process outlives the answer anyway; a rejection must not end it. */
  waitUntil(work: Promise<unknown>): void {
    work.catch((error) => console.error("background task failed:", error));
  },
};

// @ts-ignore: the hosted runtime declares it.
globalThis.EdgeRuntime ??= runtime;
