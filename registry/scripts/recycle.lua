-- recycle: numbers whose protection has ended go from their owners into the pool, each once, whoever asks and how often.
-- KEYS  1 stream · 2 owned · 3 pool · 4 changed · 5... the number of each member
-- ARGV  1 keep ms · 2 record between number and list · 3 bar ms · 4 rules, see until_ · 5... members of owned
-- Returns how many stay where they are (their owner is on the phone with them), then for each that was moved: member,
-- owner before, why.

local forget, bar, rules = ARGV[1], tonumber(ARGV[3]), ARGV[4]
local now, us = clock()
local ms, most, no_deal, levels = string.match(rules, '^(%d+)' .. SEP .. '(%d+)' .. SEP .. '(%d+)' .. SEP .. '%d+' .. SEP .. '(.*)$')

-- cause(a): which of the rules ended it. Where none did, it ended as a command had said.
local function cause(a)
  if a.hand or a.deal > 0 then return 'expired' end
  local why, first = 'no_contact', (a.contact > 0 and a.contact or a.since) + protection(a, levels, tonumber(ms))
  if no_deal ~= '0' and a.since + tonumber(no_deal) < first then why, first = 'no_deal', a.since + tonumber(no_deal) end
  if most ~= '0' and a.since + tonumber(most) < first then why = 'expired' end
  return why
end

local stay, moved = 0, {}
for i = 5, #ARGV do
  local key = KEYS[i]
  local digits, scope = string.match(ARGV[i], '^(%d+):?(.*)$')
  local a = ownership({key, KEYS[2], KEYS[3], KEYS[4]}, digits, scope)
  local n = facts(key, scope)
  if a.owner == '' then -- it was given back meanwhile
    redis.call('ZREM', KEYS[2], a.member)
  elseif a.ends > now then -- it was prolonged meanwhile
    redis.call('ZADD', KEYS[2], whole(a.ends), a.member)
  elseif n.rep == a.owner and n.flight > now then
    stay = stay + 1
  else
    local why = cause(a)
    leave(a, why, bar, now)
    clear(a, 'y')
    local entry = record(KEYS[1], now, us + i, forget, n.last, 'q', '', 'recycle', a.owner, '', digits .. SEP .. ARGV[2],
      '', '', '', '', '', '', scope, detail('from', a.owner, 'why', why))
    redis.call('HSET', key, 'p', entry)
    n.stays = true
    keep(key, n, now, forget)
    table.insert(moved, a.member)
    table.insert(moved, a.owner)
    table.insert(moved, why)
  end
end
table.insert(moved, 1, whole(stay))
return moved
