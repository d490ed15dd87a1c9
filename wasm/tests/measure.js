// What the package costs, wherever it runs.

/** Texts in a round are scored so often, since a browser's clock is coarse. */
const REPETITIONS = 10
/** Rounds go on for so long, so that the host's compilers have done what they do to code that is used much. */
const MILLISECONDS = 3000

/** Milliseconds to start and for a first score, and microseconds a message afterwards in the fastest round. */
export async function measure(load, golden) {
  const texts = golden.trimEnd().split('\n').slice(1).map((line) => line.split('\t')[0])
  const begun = performance.now()
  const bondhu = await load()
  const started = performance.now()
  bondhu.score(texts[0])
  const scored = performance.now()
  let fastest = Infinity
  let sum = 0
  while (performance.now() - scored < MILLISECONDS) {
    const from = performance.now()
    for (let again = 0; again < REPETITIONS; again++) {
      for (const text of texts) sum += bondhu.score(text).sentiment
    }
    fastest = Math.min(fastest, performance.now() - from)
  }
  const us = fastest * 1000 / texts.length / REPETITIONS
  return { start_ms: started - begun, first_ms: scored - started, us, sum }
}
