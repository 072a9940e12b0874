-- end of a call: the number is free again, one record.
-- KEYS  1 lock · 2 records
-- ARGV  1 number · 2 rep · 3 Call-ID

redis.call('DEL', KEYS[1])
redis.call('XADD', KEYS[2], '*', 'r', 'e ' .. ARGV[2] .. ' ' .. ARGV[1] .. ' ' .. ARGV[3])
return 1
