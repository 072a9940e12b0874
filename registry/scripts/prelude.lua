-- Joined in front of every script. Keys and fields are named in keys.go, records in record.go; no text that a caller
-- chose ever reaches an error reply. What runs for every decision avoids redis.call (1 to 3 us each) and formatting
-- (0.5 us) where it can.

local SEP = '\31'
local LONGEST_CALL = 4 * 3600 * 1000 -- ms a number is remembered at least, so that a late BYE finds its call

-- whole(x) -> text. Lua itself would write 16 digits as 1.79e+15.
local function whole(x) return string.format('%d', x) end

-- clock() -> ms, us since 1970 by the server, which is the only clock that all gates share.
local function clock()
  local t = redis.call('TIME')
  local us = tonumber(t[1]) * 1000000 + tonumber(t[2])
  return math.floor(us / 1000), us
end

-- facts(key) -> what is known of one number: texts are '' and times 0 where there is nothing. Facts stay until the next
-- write after their end, so times are compared with now.
local function facts(key)
  local f = redis.call('HMGET', key, 'o', 'x', 'u', 'ru', 'd', 'fr', 'fk', 'fp', 'fu', 'fw', 'e', 'p')
  return {
    owner = f[1] or '', extension = f[2] or '', owned = tonumber(f[3] or 0), refused = tonumber(f[4] or 0),
    lists = f[5] or '',
    rep = f[6] or '', attempt = f[7] or '', previous = f[8] or '', flight = tonumber(f[9] or 0), reason = f[10] or '',
    fence = f[11] or '0', last = f[12] or '',
  }
end

-- keep(key, n, now, forget): a number is remembered as long as its last record, or as the longest fact; for ever while
-- it is listed. forget is text, ms.
local function keep(key, n, now, forget)
  if n.lists ~= '' then
    redis.call('PERSIST', key)
    return
  end
  local least = math.max(tonumber(forget), LONGEST_CALL)
  local longest = math.max(n.owned, n.refused) - now
  redis.call('PEXPIRE', key, longest > least and whole(longest) or whole(least))
end

-- trim(stream, oldest): what XADD's MINID does, for servers older than Redis 6.2, which lack it. Twice as many entries
-- as come between two trims, so that it keeps pace.
local function trim(stream, oldest)
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', whole(oldest - 1), 'COUNT', 32)) do
    redis.call('XDEL', stream, entry[1])
  end
end

-- record(stream, now, us, forget, ...) -> id of the entry, whose fields are the arguments. One write in 16, as the clock
-- falls, cuts off what is older than forget: the stream is trimmed in whole nodes of a hundred entries anyway.
local function record(stream, now, us, forget, ...)
  local text = table.concat({'1', ...}, SEP)
  if us % 16 == 0 then
    local oldest = now - tonumber(forget)
    local id = redis.pcall('XADD', stream, 'MINID', '~', whole(oldest), '*', 'r', text)
    if type(id) == 'string' then return id end
    trim(stream, oldest)
  end
  return redis.call('XADD', stream, '*', 'r', text)
end

-- answer(verdict, reason, fence, retry, owner, extension, list) -> what Decide tells the gate, but for the mark whether
-- it had been told before. All are texts.
local function answer(...) return table.concat({...}, SEP) end

-- An attempt that is no longer in flight is remembered as state SEP rep SEP answer. States: b blocked, f made its rep the
-- owner after its flight was gone, e ended.
local function remembered(key)
  local text = redis.call('GET', key)
  if not text then return nil end
  local state, rep, told = string.match(text, '^(%a)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '(.*)$')
  return {state = state, rep = rep, told = told}
end

local function remember(key, state, rep, told, ms)
  redis.call('SET', key, state .. SEP .. rep .. SEP .. told, 'PX', ms)
end

-- state(outcome, key, now) -> list: outcome, ms, then every field and value of the number's hash.
local function state(outcome, key, now)
  local list = redis.call('HGETALL', key)
  table.insert(list, 1, whole(now))
  table.insert(list, 1, outcome)
  return list
end
