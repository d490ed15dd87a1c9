// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: 78aafcb5ab086c1d88aa234afd109c1aa571205e9fb645df7edb99de7b00989a
export * from './bondhu/embedded.js'
