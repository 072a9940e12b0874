-- plan: writes the plan of an offboarding down in the place of the rep's last one, unless that is under way.
-- KEYS  1 the rep's offboarding
-- ARGV  1 ms that it is kept · 2... fields and values
-- Returns the state of the one before, '' for none.

local before = redis.call('HGET', KEYS[1], 'state') or ''
if before ~= 'running' and before ~= 'undoing' then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], unpack(ARGV, 2))
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return {before}
