-- Moves the watermark on, if it is still the one this mirror wrote last.
-- KEYS[1] the watermark; ARGV: the text expected there ('' for none), the new text.
-- Returns 1 if moved; 0 when Redis was flushed, failed over, or another mirror took over.
local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
