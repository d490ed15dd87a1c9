// Pages of this directory in a real browser, and what they need.
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }

/** Serves directories by the path that they are under; the URL, and how to end it. */
export async function served(directories) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://page').pathname))
    const [under, directory] = Object.entries(directories).find(([under]) => path.startsWith(under))
    try {
      const file = join(directory, path.slice(under.length))
      const body = await readFile(file)
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain; charset=utf-8' }).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  return { url: `http://127.0.0.1:${server.address().port}`, end: () => server.close() }
}

const OPTIONS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]

/** Opens a page, waits until it has defined `name`, calls it, and gives what it says. */
export async function called(playwright, executablePath, url, name, argument) {
  const { chromium } = (await import(join(playwright, 'index.js'))).default
  const browser = await chromium.launch({ executablePath, args: OPTIONS })
  try {
    const page = await browser.newPage()
    page.on('console', (message) => console.log(`# ${message.text()}`))
    page.on('pageerror', (error) => console.log(`# ${error}`))
    await page.goto(url)
    await page.waitForFunction((name) => name in globalThis, name)
    return await page.evaluate(([name, argument]) => globalThis[name](argument), [name, argument])
  } finally {
    await browser.close()
  }
}
