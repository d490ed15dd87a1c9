// node.js DATA [embedded|compiled]: the checks in Node, from a project that has installed the package.
import { readFile } from 'node:fs/promises'

import { run } from './checks.js'

const [data, how] = process.argv.slice(2)
const { load } = await import(how === 'embedded' ? 'bondhu-wasm/embedded' : 'bondhu-wasm')

const refused = await load(new Uint8Array([0, 97, 115, 109])).then(() => 'nothing', (error) => error.name)
console.log(refused === 'CompileError' ? 'ok - a module that is none is refused' : `not ok - ${refused}`)
if (how === 'compiled') {
  // As bundlers for workers hand it over, which compile nothing themselves.
  await load(WebAssembly.compile(await readFile(new URL(import.meta.resolve('bondhu-wasm/bondhu.wasm')))))
}
for (const line of await run(`Node ${how ?? ''}`, load, (file) => readFile(`${data}/${file}`, 'utf8'))) console.log(line)
