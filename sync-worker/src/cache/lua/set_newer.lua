-- The mirror's write: a document, unless the key holds the same or a newer version.
-- KEYS[1] the document, KEYS[2] its lease; ARGV: version (24 hex), value, lifetime in ms, and the
-- instant (Unix ms, this server's clock) after which the write comes too late: a mirror that was
-- stopped and replaced must not bring back what has gone meanwhile.
-- A value starts with its version, so that nothing has to be parsed; versions are hex of
-- one length, so that their order is the order of the strings. Returns 1 if written.
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[4]) then
  return redis.error_reply('LATE the write was prepared too long ago')
end
-- Whoever fills this document has read something older.
redis.call('DEL', KEYS[2])
local version = held_version(KEYS[1], ARGV[1], time[1])
if version and version >= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
