// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: f694a718d847955869cbcf1ee7be3e943e9bfc3b384ba592da7519294c8e8cb6
export * from './bondhu/embedded.js'
