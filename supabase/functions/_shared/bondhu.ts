// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: 86bc803cef80f111115c91299f6f93ee765896472dafef145b2f8b842489e1bd
export * from './bondhu/embedded.js'
