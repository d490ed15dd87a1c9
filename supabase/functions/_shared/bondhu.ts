// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: 87daa3a9aabdf8115b9983ba19ef37b5c379aa797a221324a44cb455813ea0d6
export * from './bondhu/embedded.js'
