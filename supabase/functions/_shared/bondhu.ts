// Bondhu's rules for edge functions. Made by `make wasm`, as all in bondhu/ is; edit core/ or wasm/ instead.
// SHA-256 of what it is made of: e32e587d16b61868b50f043d22366475bdcf24dbcc9bba952a79161eb3fff7be
export * from './bondhu/embedded.js'
