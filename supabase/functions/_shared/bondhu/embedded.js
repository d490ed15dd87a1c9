// @ts-self-types="./index.d.ts"
// For Deno, edge functions, and wherever there are neither files nor addresses: the module is in the code.
import { loader } from './api.js'
import { code, modelAt } from './code.js'
import { model } from './model.js'

export const load = loader(async () => {
  const [around, within] = await Promise.all([unpacked(code), unpacked(model)])
  const module = new Uint8Array(around.length + within.length)
  module.set(around.subarray(0, modelAt))
  module.set(within, modelAt)
  module.set(around.subarray(modelAt), modelAt + within.length)
  return module
})

async function unpacked(base64) {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  // Twenty times as fast as Uint8Array.from(text, …).
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}
