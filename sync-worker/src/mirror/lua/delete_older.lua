-- Deletes a document unless the key holds a newer version.
-- KEYS[1] the document; ARGV: version (24 hex). Returns 1 if a key was deleted.
local held = redis.call('GET', KEYS[1])
if held then
  local version = string.match(held, '^{"v":"(%x+)"')
  if version and version > ARGV[1] then
    return 0
  end
end
return redis.call('DEL', KEYS[1])
