-- Takes the right to fill a document, if it is still as its reader saw it and nobody has the right.
-- KEYS[1] the document, KEYS[2] its lease; ARGV: token, lifetime of the lease in ms, the version
-- that was seen ('' for none). Returns 1 if taken.
local held = redis.pcall('GETRANGE', KEYS[1], 0, 30)
local version = type(held) == 'string' and string.match(held, '^{"v":"(%x+)"') or ''
if version ~= ARGV[3] then
  return 0
end
return redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
