-- The mirror's writes of one user: documents, each unless its key holds the same or a newer version.
-- KEYS: each document followed by its lease; ARGV: version (24 hex), the instant (Unix ms, this server's
-- clock) after which the writes come too late: a mirror that was stopped and replaced must not bring back
-- what has gone meanwhile; then of each document its value and its lifetime in ms.
-- A value starts with its version, so that nothing has to be parsed; versions are hex of
-- one length, so that their order is the order of the strings. Returns for each document 1 if written, or 0.
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[2]) then
  return redis.error_reply('LATE the write was prepared too long ago')
end
local written = {}
for i = 1, #KEYS, 2 do
  -- Whoever fills this document has read something older.
  redis.call('DEL', KEYS[i + 1])
  local version = held_version(KEYS[i], ARGV[1], time[1])
  if version and version >= ARGV[1] then
    written[#written + 1] = 0
  else
    redis.call('SET', KEYS[i], ARGV[i + 2], 'PX', ARGV[i + 3])
    written[#written + 1] = 1
  end
end
return written
