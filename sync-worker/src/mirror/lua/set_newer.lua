-- Writes a document unless the key holds the same or a newer version.
-- KEYS[1] the document; ARGV: version (24 hex), value, lifetime in ms. Returns 1 if written.
-- A value starts with its version, so that nothing has to be parsed; versions are hex of
-- one length, so that their order is the order of the strings.
local held = redis.call('GET', KEYS[1])
if held then
  local version = string.match(held, '^{"v":"(%x+)"')
  if version and version >= ARGV[1] then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
