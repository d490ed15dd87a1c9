// bench_browser.js DATA CHROMIUM PLAYWRIGHT: prints what the package costs in a browser, and what it is sent.
import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'

import { called, served } from './pages.js'

const [data, chromium, playwright] = process.argv.slice(2)
const { url, end } = await served({ '/data/': data, '/': process.cwd() })
const measured = await called(playwright, chromium, `${url}/checks/index.html`, 'measured')
end()

const sent = await Promise.all(['browser.js', 'api.js', 'bondhu.js', 'bondhu_bg.wasm'].map((file) =>
  readFile(`node_modules/bondhu-wasm/${file}`)))
const bytes = (files) => files.reduce((sum, file) => sum + file.length, 0)
const gzip = sent.map((file) => gzipSync(file, { level: 9 }))
console.log(JSON.stringify({ ...measured, raw_mb: bytes(sent) / 1e6, gzip_mb: bytes(gzip) / 1e6 }))
