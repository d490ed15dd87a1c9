-- Of documents of one user: which have a value, or somebody who is about to fill one.
-- KEYS: each document followed by its lease. Returns 1 or 0 for each document.
local held = {}
for i = 1, #KEYS, 2 do
  held[#held + 1] = redis.call('EXISTS', KEYS[i], KEYS[i + 1]) > 0 and 1 or 0
end
return held
