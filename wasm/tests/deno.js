// deno.js MODULE DATA: the checks in Deno.
import { run } from './checks.js'

const [module, data] = Deno.args
const { load } = await import(module.startsWith('/') ? `file://${module}` : module)
const where = module.startsWith('/') ? 'Deno, committed copy' : 'Deno'
for (const line of await run(where, load, (file) => Deno.readTextFile(`${data}/${file}`))) console.log(line)
