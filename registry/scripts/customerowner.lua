-- customerowner: a number of a customer has changed its ownership in a scope; is that the customer's ownership from now on?
-- KEYS  1 record · 2 owners · 3 journal · 4 journal's count
-- ARGV  1 customer's id · 2 scope · 3 fence of the copy that was changed, 0 for none · 4 digits, '' when it is no number ·
--       5 which change of that number · 6 owner, '' for none · 7 since ms · 8 until ms · 9 facts, see ownership in
--       customer_owner.go
-- Returns taken (it is, and every number will get it), kept (it is not) or gone (there is no such customer), and the
-- customer's ownership as it is then.

local UNIT = '\29'
local id, scope, base, digits, change = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local rep, since, ends = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
if redis.call('EXISTS', KEYS[1]) == 0 then return {'gone', ''} end
local now = clock()
local packed = redis.call('HGET', KEYS[2], scope) or ''

local has, facts = {}, {}
for item in string.gmatch(packed .. UNIT, '([^' .. UNIT .. ']*)' .. UNIT) do table.insert(has, item) end
for i = 4, #has, 2 do facts[has[i]] = has[i + 1] end
local fence, owner = tonumber(has[1]) or 0, facts.o or ''
local owned = owner ~= '' and tonumber(facts.u or 0) > now
local wants = rep ~= '' and ends > now

-- takes() -> whether the change counts. One that was made to the newest copy does, and so does the next one of the number
-- that made that copy. Others cross with one that came before: of two owners the one who claimed first stays; an owner
-- of a number that has just become the customer's counts more than that nobody owned its other numbers.
local function takes()
  if packed == '' then return true end
  if digits ~= '' and has[2] == digits then return change > tonumber(has[3]) end
  if base == fence then return true end
  if wants and owned then
    if rep == owner then return ends > tonumber(facts.u) end
    return since < tonumber(facts.s or 0)
  end
  return wants and (base == 0 or owner ~= '')
end

if not takes() then return {'kept', packed} end
packed = table.concat({whole(fence + 1), digits, ARGV[5], ARGV[9]}, UNIT)
redis.call('HSET', KEYS[2], scope, packed)
redis.call('ZADD', KEYS[3], redis.call('INCR', KEYS[4]), id)
return {'taken', packed}
