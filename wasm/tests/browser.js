// browser.js DATA CHROMIUM PLAYWRIGHT VITE: the checks in a browser, from the package as it is and from a bundle.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

import { called, served } from './pages.js'

const [data, chromium, playwright, vite] = process.argv.slice(2)
const project = process.cwd()

async function check(where, root, page) {
  const { url, end } = await served({ '/data/': data, '/': root })
  try {
    for (const line of await called(playwright, chromium, url + page, 'checked', where)) console.log(line)
  } finally {
    end()
  }
}

await check('Chromium', project, '/checks/index.html')

const { build } = await import(join(vite, 'dist/node/index.js'))
const outDir = join(project, 'bundle')
await build({
  root: project,
  configFile: false,
  logLevel: 'warn',
  build: { outDir, emptyOutDir: true, rolldownOptions: { input: join(project, 'checks/index.html') } },
})
const modules = (await readdir(join(outDir, 'assets'))).filter((file) => file.endsWith('.wasm'))
console.log(modules.length === 1 ? 'ok - the bundle has one module' : `not ok - the bundle has ${modules}`)
await check('Chromium, bundled', outDir, '/checks/index.html')
