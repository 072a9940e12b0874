-- change: makes one change of the people, all of it or nothing.
-- KEYS  1 version · 2 reps · 3 teams · 4 changes · 5 staged: what takes the place of reps, when that is replaced as a whole
-- ARGV  1 version the change was made on, '' for none · 2 by whom · 3 how many changes are kept
--       4 how many entries follow; each is 'r' or 't', its field, and its value, '' to take it away
--       then what was changed, one text each: an entry of the stream has the fields by, version and change
-- Returns the new version, 'conflict' when another change came first, or 'missing' when what was staged has gone.

if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 'conflict' end
if KEYS[5] then
  if redis.call('EXISTS', KEYS[5]) == 0 then return 'missing' end
  redis.call('UNLINK', KEYS[2]) -- else RENAME would free it here and now, and calls wait for that
  redis.call('RENAME', KEYS[5], KEYS[2])
  redis.call('PERSIST', KEYS[2])
end

local time = redis.call('TIME')
local version = math.max(tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), (tonumber(ARGV[1]) or 0) + 1)
version = string.format('%d', version)
redis.call('SET', KEYS[1], version)

local entries = tonumber(ARGV[4])
for i = 5, 4 + 3 * entries, 3 do
  local key = ARGV[i] == 'r' and KEYS[2] or KEYS[3]
  if ARGV[i + 2] == '' then
    redis.call('HDEL', key, ARGV[i + 1])
  else
    redis.call('HSET', key, ARGV[i + 1], ARGV[i + 2])
  end
end
for i = 5 + 3 * entries, #ARGV do
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[3], '*', 'by', ARGV[2], 'version', version, 'change', ARGV[i])
end
return version
