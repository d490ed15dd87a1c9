// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: a837e171769099a1959563c935ca0567e5c8e9a304cddc41fecdce63144a48c7
export * from './bondhu/embedded.js'
