// @ts-self-types="./index.d.ts"
// For browsers, with or without a bundler: the module is compiled while it arrives.
import { loader } from './api.js'

export const load = loader(() => new URL('./bondhu_bg.wasm', import.meta.url))
