// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: 9bf9c286db01dabe883a25f6047da087dda7fc6cf6d24c73b69b9bb77ac1e41a
export * from './bondhu/embedded.js'
