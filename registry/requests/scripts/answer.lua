-- answer: somebody approves or denies the step that a request waits for, or takes the request back.
-- KEYS  as in prelude
-- ARGV  1 id · 2 approve, deny or cancel · 3 by whom · 4 reason · 5 the step that was looked at · 6 keep ms
--       7 approve: the step that comes next; more than one further when this one may answer
--       several, and no further when this one only says again what was said before
-- Returns outcome and the request's fields: 'done', 'same' (this one has answered so before), 'late' (it no longer waits
-- for that), 'none' (no such request, no fields).

local id, what, by, reason, keep = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[6])
local f = facts()
if not f then return {'none'} end
local now = clock()

-- before(): this one's answer to that step
local function before()
  for i = 0, tonumber(f.answers) - 1 do
    local w, _, b = string.match(f['a' .. i], '^([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)')
    if w == what and b == by then return true end
  end
end

if f.state == 'open' and now >= tonumber(f.expires) then
  expire(id, f, now)
  redis.call('PEXPIRE', KEYS[1], whole(keep))
  return told('late')
end
local stale = ARGV[5] ~= f.at and what ~= 'cancel' or what == 'approve' and tonumber(ARGV[7]) <= tonumber(f.at)
if f.state ~= 'open' or stale then
  return told(before() and 'same' or 'late')
end

answered(f, what, by, now, reason)
if what == 'approve' and tonumber(ARGV[7]) < steps(f) then
  schedule(id, f, tonumber(ARGV[7]), now)
  out(id, f, what, by, reason, 'open')
  return told('done')
end
local state = ({approve = 'approved', deny = 'denied', cancel = 'cancelled'})[what]
settle(id, f, state, now)
out(id, f, what, by, reason, state)
if state ~= 'approved' then redis.call('PEXPIRE', KEYS[1], whole(keep)) end
return told('done')
