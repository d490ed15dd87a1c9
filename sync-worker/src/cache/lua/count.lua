-- Counts one more in a window that begins with its first and is over after ARGV[1] ms. Returns how many there are now,
-- and what is left of the window in ms. A count that nothing ends, or far too late, would hold somebody back for as long.
local window = tonumber(ARGV[1])
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > window then
  redis.call('PEXPIRE', KEYS[1], window)
  left = window
end
return {count, left}
