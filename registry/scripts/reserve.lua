-- reserve: room for numbers that a rep is about to own, before anybody asks for them. Until it is settled it counts as held.
-- KEYS  1 pending · 2 counts · 3… the set in which each number would be held
-- ARGV  1 token · 2 scope · 3 most holdings, 0 for no limit · 4 '1': those with a closed deal count · 5 most claims from the
--       pool in a day, 0 for no limit · 6 ms east of UTC · 7… digits
-- Returns 0 when so many do not fit, 1 when they do, 2 when they do but none from the pool any more today.

local DAY = 24 * 3600 * 1000
local now = clock()
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before then return string.match(before, '^%d+' .. SEP .. '(%d*)') == '' and 2 or 1 end

local numbers, new = {}, 0
for i = 7, #ARGV do
  table.insert(numbers, ARGV[i])
  if redis.call('SISMEMBER', KEYS[i - 4], ARGV[i]) == 0 then new = new + 1 end
end

local c = redis.call('HMGET', KEYS[2], 'n', 'v', 'd', 'c', 's')
local most = tonumber(ARGV[3])
if most > 0 and new > 0 then
  local count = tonumber(c[1] or 0) + new
  if ARGV[4] ~= '1' then count = count - tonumber(c[2] or 0) end
  for _, entry in ipairs(redis.call('HVALS', KEYS[1])) do
    local _, commas = string.gsub(entry, ',', '')
    count = count + commas
  end
  if count > most then return 0 end
end

local day = whole(math.floor((now + tonumber(ARGV[6])) / DAY))
local claims = c[3] == day and tonumber(c[4] or 0) or 0
local fits, credit = 2, ''
if ARGV[5] == '0' or claims < tonumber(ARGV[5]) then
  fits, credit, claims = 1, day, claims + 1
end
if not c[5] then
  redis.call('HSET', KEYS[2], 's', ARGV[2])
elseif not string.find(SEP .. c[5] .. SEP, SEP .. ARGV[2] .. SEP, 1, true) then
  redis.call('HSET', KEYS[2], 's', c[5] .. SEP .. ARGV[2])
end
redis.call('HSET', KEYS[2], 'd', day, 'c', whole(claims))
redis.call('HINCRBY', KEYS[2], 'g', 1)
redis.call('HSET', KEYS[1], ARGV[1], table.concat({whole(now), credit, ARGV[2], table.concat(numbers, ',') .. ','}, SEP))
return fits
