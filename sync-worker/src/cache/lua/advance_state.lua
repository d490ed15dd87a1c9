-- Moves the watermark on, if it is still the one this mirror wrote last.
-- KEYS[1] the watermark; ARGV: the text expected there ('' for none), the new text up to its instant,
-- the instant (Unix ms), the rest of the text.
-- Returns the instant that was written, never one ahead of this server's clock; nil when Redis was
-- flushed, failed over, or another mirror took over.
local held = redis.pcall('GETRANGE', KEYS[1], 0, 1023)
if type(held) ~= 'string' then
  -- Not a text: somebody else's, and none of a mirror.
  held = ''
end
if held ~= ARGV[1] then
  return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = math.min(tonumber(ARGV[3]), now)
redis.call('SET', KEYS[1], ARGV[2] .. string.format('%.0f', at) .. ARGV[4])
return at
