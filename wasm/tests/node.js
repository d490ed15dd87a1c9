// node.js DATA [embedded|compiled]: the checks in Node, from a project that has installed the package.
import { readFile } from 'node:fs/promises'
import { inspect } from 'node:util'

import { run } from './checks.js'

const [data, how] = process.argv.slice(2)
const { load } = await import(how === 'embedded' ? 'bondhu-wasm/embedded' : 'bondhu-wasm')

const refused = await load(new Uint8Array([0, 97, 115, 109])).then(() => 'nothing', (error) => error.name)
console.log(refused === 'CompileError' ? 'ok - a module that is none is refused' : `not ok - ${refused}`)
if (how === 'compiled') {
  // As bundlers for workers hand it over, which compile nothing themselves.
  await load(WebAssembly.compile(await readFile(new URL(import.meta.resolve('bondhu-wasm/bondhu.wasm')))))
}
const readme = await readFile(new URL('README.md', import.meta.resolve('bondhu-wasm/package.json')), 'utf8')
const [, text, shown] = /score\('(.*)'\) \/\/ (.*)/.exec(readme)
const said = inspect((await load()).score(text), { breakLength: Infinity })
console.log(said === shown ? 'ok - the README shows what is said' : `not ok - the README shows ${shown}, not ${said}`)
for (const line of await run(`Node ${how ?? ''}`, load, (file) => readFile(`${data}/${file}`, 'utf8'))) console.log(line)
