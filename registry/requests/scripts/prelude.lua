-- Joined in front of every script of requests. Keys and fields are named in keys.go; all keys lie in one slot.
-- KEYS of a script that changes a request: 1 request · 2 due · 3 open · 4 same · 5 out · 6 mine

local SEP = '\31'

-- whole(x) -> text. Lua itself would write 16 digits as 1.79e+15.
local function whole(x) return string.format('%d', x) end

-- clock() -> ms since 1970 by the server, which is the only clock that all gates share.
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- facts() -> the request's fields, nil when there is none
local function facts()
  local list = redis.call('HGETALL', KEYS[1])
  if #list == 0 then return nil end
  local f = {}
  for i = 1, #list, 2 do f[list[i]] = list[i + 1] end
  return f
end

-- told(outcome) -> list: outcome, then every field and value
local function told(outcome)
  local list = redis.call('HGETALL', KEYS[1])
  table.insert(list, 1, outcome)
  return list
end

-- steps(f) -> how many there are
local function steps(f)
  local n = 0
  for _ in string.gmatch(f.steps, '[^,]+') do n = n + 1 end
  return n
end

-- step(f) -> the one it waits for
local function step(f)
  local i = 0
  for s in string.gmatch(f.steps, '[^,]+') do
    if i == tonumber(f.at) then return s end
    i = i + 1
  end
  return ''
end

-- out(id, what, by, reason, state): the change is to become a record of the number
local function out(id, f, what, by, reason, state)
  redis.call('XADD', KEYS[5], '*', 'id', id, 'what', what, 'by', by, 'reason', reason, 'state', state, 'step', step(f),
    'kind', f.kind, 'number', f.number, 'scope', f.scope, 'rep', f.rep, 'to', f.to)
end

-- answered(f, what, by, now, reason): one more answer to the step it waits for
local function answered(f, what, by, now, reason)
  local n = tonumber(f.answers)
  redis.call('HSET', KEYS[1], 'a' .. n, table.concat({what, step(f), by, whole(now), reason}, SEP), 'answers', whole(n + 1))
end

-- schedule(id, f, at, now): it waits for step at from now on
local function schedule(id, f, at, now)
  local due, escalate = tonumber(f.expires), tonumber(f.escalate)
  if escalate > 0 and at + 1 < steps(f) then due = math.min(due, now + escalate) end
  redis.call('HSET', KEYS[1], 'at', whole(at), 'due', whole(due))
  redis.call('ZADD', KEYS[2], whole(due), id)
end

-- settle(id, f, state, now): it is decided, or carried out; approved ones are due at once, for their effect
local function settle(id, f, state, now)
  if f.state == 'open' and redis.call('HINCRBY', KEYS[6], f.rep, -1) <= 0 then redis.call('HDEL', KEYS[6], f.rep) end
  redis.call('HSET', KEYS[1], 'state', state, 'due', whole(now))
  redis.call('ZREM', KEYS[3], id)
  if redis.call('HGET', KEYS[4], f.key) == id then redis.call('HDEL', KEYS[4], f.key) end
  if state == 'approved' then
    redis.call('ZADD', KEYS[2], whole(now), id)
  else
    redis.call('ZREM', KEYS[2], id)
  end
end

-- expire(id, f, now): nobody decided in time
local function expire(id, f, now)
  answered(f, 'expire', '', now, '')
  settle(id, f, 'expired', now)
  out(id, f, 'expire', '', '', 'expired')
end
