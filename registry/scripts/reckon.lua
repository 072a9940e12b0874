-- reckon: ends of protection by rules that have changed. What was set by hand stays, and what has ended already.
-- KEYS  1 stream · 2 owned · 3 pool · 4 changed · 5... the number of each member
-- ARGV  1 keep ms · 2 record between number and list · 3 bar ms · 4 rules, see until_ · 5... members of owned
-- Returns how many ends were moved.

local now = clock()
local changed = 0
for i = 5, #ARGV do
  local digits, scope = string.match(ARGV[i], '^(%d+):?(.*)$')
  local a = ownership({KEYS[i], KEYS[2], KEYS[3], KEYS[4]}, digits, scope)
  if a.owner ~= '' and not a.hand and a.ends > now then
    local ends = until_(a, ARGV[4])
    if ends ~= (a.locked and a.unlocked or a.ends) then
      finish(a, ends, false)
      changed = changed + 1
    end
  end
end
return {whole(changed)}
