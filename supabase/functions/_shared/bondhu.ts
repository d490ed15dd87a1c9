// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: 8d08b00ecd0892bb30b3136d9de33b27d00ab1aac11a319908e0c971ee59f067
export * from './bondhu/embedded.js'
