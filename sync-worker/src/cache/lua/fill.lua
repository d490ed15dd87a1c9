-- A reader's write: a document, if the lease that it was read under still stands.
-- KEYS[1] the document, KEYS[2] its lease; ARGV: the lease's token, version (24 hex), value,
-- lifetime in ms. Returns 1 if written.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[2])
local version = held_version(KEYS[1], ARGV[2], redis.call('TIME')[1])
if version and version > ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
