-- handover: numbers of a rep who leaves go to colleagues or into the pool, each once. What they were is kept for undo.
-- KEYS  1 stream · 2 owned · 3 pool · 4 changed · 5 journal of the offboarding · 6... the number of each member
-- ARGV  1 keep ms · 2 record between number and list · 3 bar ms · 4 rules, see until_ · 5 who leaves · 6 offboarding
--       7 operator · 8 ms that the journal is kept · 9 how many colleagues there are · 10... of each: rep, seat (see decide);
--       then of each member: member, number of the colleague, 0 for the pool
-- Returns the members that were moved, and to whom, '' for the pool.

local forget, bar, rules, leaver, id, operator = ARGV[1], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local first = 10 + 2 * tonumber(ARGV[9])
local now, us = clock()
local moved = {}

for i = 0, (#ARGV - first - 1) / 2 do
  local text, which = ARGV[first + 2 * i], tonumber(ARGV[first + 2 * i + 1])
  local key = KEYS[6 + i]
  local digits, scope = string.match(text, '^(%d+):?(.*)$')
  local a = ownership({key, KEYS[2], KEYS[3], KEYS[4]}, digits, scope)
  if a.owner == leaver and a.ends > now then -- what has ended is the recycler's
    local n = facts(key, scope)
    local to, kind, action, more = '', 'q', 'recycle', detail('from', leaver, 'why', 'left', 'offboard', id)
    local before = snapshot(a)
    if which == 0 then
      leave(a, 'left', bar, now)
    else
      to = ARGV[8 + 2 * which]
      local extension, _, team = seat(ARGV[9 + 2 * which])
      pass_on(a, to, extension, team, now, rules)
      kind, action, more = 'o', 'transfer', detail('from', leaver, 'offboard', id)
    end
    clear(a, 'y')
    redis.call('HSET', KEYS[5], text, table.concat({to, whole(now), before}, GROUP))
    local entry = record(KEYS[1], now, us + i, forget, n.last, kind, '', action, which == 0 and leaver or to, operator,
      digits .. SEP .. ARGV[2], '', '', '', '', '', '', scope, more)
    redis.call('HSET', key, 'p', entry)
    n.stays = true
    keep(key, n, now, forget)
    table.insert(moved, text)
    table.insert(moved, to)
  end
end
if #moved > 0 then redis.call('PEXPIRE', KEYS[5], ARGV[8]) end
return moved
