-- Joined in front of every script. Keys and fields are named in keys.go, records in record.go; no text that a caller
-- chose ever reaches an error reply. What runs for every decision avoids redis.call (1 to 3 us each) and formatting
-- (0.5 us) where it can.

local SEP = '\31'
local PART = '\30' -- parts one entry of a list whose entries SEP parts
local LEAST = 7 * 24 * 3600 * 1000 -- ms a number is remembered at least: no pass, provisional claim or call lasts longer

-- whole(x) -> text. Lua itself would write 16 digits as 1.79e+15.
local function whole(x) return string.format('%d', x) end

-- clock() -> ms, us since 1970 by the server, which is the only clock that all gates share.
local function clock()
  local t = redis.call('TIME')
  local us = tonumber(t[1]) * 1000000 + tonumber(t[2])
  return math.floor(us / 1000), us
end

-- facts(key, scope) -> what is known of one number, its owner in that scope: texts are '' and times 0 where there is
-- nothing. Facts stay until the next write after their end, so times are compared with now. stays says that somebody owns
-- the number or that it is in a pool, in any scope.
local function facts(key, scope)
  local f
  if not scope or scope == '' then
    f = redis.call('HMGET', key, 'o', 'x', 'u', 'ru', 'd', 'fr', 'fk', 'fp', 'fu', 'fw', 'e', 'p', 'h')
  else
    f = redis.call('HMGET', key, 'o:' .. scope, 'x:' .. scope, 'u:' .. scope,
      'ru', 'd', 'fr', 'fk', 'fp', 'fu', 'fw', 'e', 'p', 'h', 'o')
  end
  return {
    owner = f[1] or '', extension = f[2] or '', owned = tonumber(f[3] or 0), refused = tonumber(f[4] or 0),
    lists = f[5] or '',
    rep = f[6] or '', attempt = f[7] or '', previous = f[8] or '', flight = tonumber(f[9] or 0), reason = f[10] or '',
    fence = f[11] or '0', last = f[12] or '', stays = f[13] or f[1] or f[14],
  }
end

-- at(letter, scope) -> name of a field of one scope.
local function at(letter, scope)
  if scope == '' then return letter end
  return letter .. ':' .. scope
end

-- helps(shares, rep) -> whether rep is among the collaborators.
local function helps(shares, rep)
  return shares and string.find(SEP .. shares, SEP .. rep .. PART, 1, true)
end

-- colleague(key, scope, rep, team) -> by what reason rep may ring the owner's customer, if any. team is '' unless teams own.
local function colleague(key, scope, rep, team)
  local f = redis.call('HMGET', key, at('w', scope), at('m', scope))
  if helps(f[1], rep) then return 'collaborator' end
  return team ~= '' and f[2] == team and 'owner'
end

-- provisional(text) -> rep who rang first, until when that keeps colleagues away: '' and 0 when nobody did.
local function provisional(text)
  if not text or text == '' then return '', 0 end
  local rep, ends = string.match(text, '^(.*)' .. SEP .. '(%d+)$')
  return rep, tonumber(ends)
end

-- keep(key, n, now, forget): a number is remembered as long as its last record, or as the customer's no; for ever while
-- it is listed, owned or in a pool. forget is text, ms.
local function keep(key, n, now, forget)
  if n.stays or n.lists ~= '' then
    redis.call('PERSIST', key)
    return
  end
  local least = math.max(tonumber(forget), LEAST)
  local longest = n.refused - now
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

-- detail(key, value, ...) -> field 20 of a record. Values are escaped already, but for the semicolon that parts them.
local function detail(...)
  local pairs = {...}
  local parts = {}
  for i = 1, #pairs, 2 do
    if pairs[i + 1] ~= '' then table.insert(parts, pairs[i] .. '=' .. (string.gsub(pairs[i + 1], ';', '%%3B'))) end
  end
  return table.concat(parts, ';')
end

-- answer(verdict, reason, fence, retry, owner, extension, list) -> what Decide tells the gate, but for the mark whether
-- it had been told before. All are texts.
local function answer(...) return table.concat({...}, SEP) end

-- going(reason) -> the verdict told to a call that goes out: 'allow', or 'would_block' when the rule is only watched.
local GOES = {allowed = true, owner = true, collaborator = true, pass = true}
local function going(reason) return GOES[reason] and 'allow' or 'would_block' end

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
