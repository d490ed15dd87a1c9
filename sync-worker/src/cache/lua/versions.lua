-- Whether a mirror can have written a version (8 hex digits of epoch, 16 of position) by now: its epoch
-- has begun (clocks differ, and epochs of one second count on), and it is not more than 4 GiB of log
-- further than the one beside it (its halves are subtracted: a number here is exact to 53 bits).
-- What nobody can have written stands in nobody's way.
local function possible(version, mine, unix_seconds)
  if #version ~= 24 then
    return false
  end
  if tonumber(string.sub(version, 1, 8), 16) > unix_seconds + 3600 then
    return false
  end
  if string.sub(version, 1, 8) ~= string.sub(mine, 1, 8) then
    return true
  end
  local high = tonumber(string.sub(version, 9, 16), 16) - tonumber(string.sub(mine, 9, 16), 16)
  local low = tonumber(string.sub(version, 17, 24), 16) - tonumber(string.sub(mine, 17, 24), 16)
  return high * 4294967296 + low <= 4294967296
end

-- The version that a document's key holds; nil when there is none that counts.
local function held_version(key, mine, unix_seconds)
  -- Of something that is no text at all there is none either.
  local held = redis.pcall('GETRANGE', key, 0, 30)
  local version = type(held) == 'string' and string.match(held, '^{"v":"(%x+)"')
  return version and possible(version, mine, unix_seconds) and version or nil
end
