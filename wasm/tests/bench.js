// bench.js DATA: prints what the package costs in Node or Deno.
import { readFile } from 'node:fs/promises'
import process from 'node:process'

import { load } from 'bondhu-wasm'

import { measure } from './measure.js'

const golden = await readFile(`${process.argv[2]}/golden/scores.tsv`, 'utf8')
console.log(JSON.stringify(await measure(load, golden)))
