// The checks and the measurement in a page.
import { load } from 'bondhu-wasm'

import { run } from './checks.js'
import { measure } from './measure.js'

const read = async (file) => (await fetch(`/data/${file}`)).text()
globalThis.checked = (where) => run(where, load, read)
globalThis.measured = async () => measure(load, await read('golden/scores.tsv'))
