// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: 226e4448246de2262f17c142b59fb75a0e8f3742fb08866ae996270491a59c5e
export * from './bondhu/embedded.js'
