// @ts-self-types="./index.d.ts"
// For Node: the module is a file beside this one.
import { readFile } from 'node:fs/promises'

import { loader } from './api.js'

export const load = loader(() => readFile(new URL('./bondhu_bg.wasm', import.meta.url)))
