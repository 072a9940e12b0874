-- event: what became of a call that was let out: it has been up long enough to make its rep the owner, or it ended.
-- KEYS  1 number · 2 attempt · 3 stream · 4 owned · 5 refused
-- ARGV  1 'f' firm or 'e' ended · 2 rep, '' when the gate does not know it · 3 attempt id · 4 digits
--       5 record between rep and list · 6 record after it, without note · 7 rep's extension · 8 ending · 9 talk ms
--       10 min talk ms · 11 protection ms · 12 cool-down ms · 13 remember ms · 14 keep ms · 15 note
-- Returns 1 when it was applied, 0 when it had been before or when nothing is known of such a call.

local kind, rep, id, digits = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ending, talk = ARGV[8], tonumber(ARGV[9])
local min_talk, protection, cool_down, forget = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]), ARGV[14]
local now, us = clock()
local n = facts(KEYS[1])

-- Is the call the one in flight? A lapsed flight counts: the call was up, only its gate had gone silent.
local ours = n.attempt == id and (rep == '' or n.rep == rep)
if rep == '' then
  if not ours then return 0 end
  rep = n.rep
end

-- at most once
if ours then
  if kind == 'f' and redis.call('HGET', KEYS[1], 'ff') == '1' then return 0 end
else
  local before = remembered(KEYS[2])
  if before and before.rep == rep and (before.state == 'e' or before.state == kind) then return 0 end
end

-- own(): the rep owns the number from now on, unless a colleague owns or rings it
local function own()
  local owned = n.owner ~= '' and n.owned > now
  if owned and n.owner ~= rep then return end
  if n.rep ~= '' and n.rep ~= rep and n.flight > now then return end
  local extension = ARGV[7]
  if extension == '' and ours then extension = redis.call('HGET', KEYS[1], 'fx') or '' end
  if extension == '' and owned then extension = n.extension end
  if not owned then
    redis.call('HSET', KEYS[1], 's', whole(now))
    n.owned = 0
  end
  n.owner, n.owned = rep, math.max(n.owned, now + protection)
  redis.call('HSET', KEYS[1], 'o', rep, 'x', extension, 'u', whole(n.owned))
  redis.call('ZADD', KEYS[4], whole(n.owned), digits)
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', '(' .. whole(now - tonumber(forget)))
end

-- refuse(): nobody rings the number until the cool-down ends
local function refuse()
  n.refused = math.max(n.refused, now + cool_down)
  redis.call('HSET', KEYS[1], 'ru', whole(n.refused), 'rb', rep, 'rn', ARGV[15])
  redis.call('ZADD', KEYS[5], whole(n.refused), digits)
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', whole(now))
end

local told = answer('allow', ours and n.reason or 'allowed', ours and n.fence or '0', '0', '', '', '')

if kind == 'f' then
  own()
  if ours then
    redis.call('HSET', KEYS[1], 'ff', '1')
  else
    remember(KEYS[2], 'f', rep, told, ARGV[13])
  end
  keep(KEYS[1], n, now, forget)
  return 1
end

-- An answered call prolongs what the rep owns, however short it was; it makes an owner after min talk.
local mine = n.owner == rep and n.owned > now
if ending == 'answered' and (mine or talk >= min_talk) then own() end
if ending == 'refused' and cool_down > 0 then refuse() end

-- The call has landed; a late copy of its INVITE still gets its answer.
if ours then redis.call('HDEL', KEYS[1], 'fr', 'fk', 'fp', 'fu', 'fw', 'fx', 'ff') end
remember(KEYS[2], 'e', rep, told, ARGV[13])

local owner = n.owned > now and n.owner or ''
local entry = record(KEYS[3], now, us, forget, n.last, 'e', '', '', owner, rep, ARGV[5], ARGV[6], ARGV[15])
redis.call('HSET', KEYS[1], 'p', entry)
keep(KEYS[1], n, now, forget)
return 1
