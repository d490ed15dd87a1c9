// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: a77fe977a985b349acc4c57d0eecd608f52673593a87f056e9fc194be811ea17
export * from './bondhu/embedded.js'
