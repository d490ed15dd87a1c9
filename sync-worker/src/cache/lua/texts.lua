-- Two texts as of one moment. KEYS; ARGV: of each key, how many bytes are taken in at most, whatever is
-- there. Returns both, empty where there is none or what is there is no text.
local texts = {}
for i = 1, 2 do
  local held = redis.pcall('GETRANGE', KEYS[i], 0, ARGV[i] - 1)
  texts[i] = type(held) == 'string' and held or ''
end
return texts
