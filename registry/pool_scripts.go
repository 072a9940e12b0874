package registry

import _ "embed"

// The scripts of the pool; their bodies, one round trip each.
var (
	//go:embed scripts/recycle.lua
	recycleLua string
	//go:embed scripts/reckon.lua
	reckonLua string
	//go:embed scripts/warn.lua
	warnLua string
	//go:embed scripts/turn.lua
	turnLua string
	//go:embed scripts/changed.lua
	changedLua string
)

var (
	recycleScript = newOwnershipScript("recycle", recycleLua)
	reckonScript  = newOwnershipScript("reckon", reckonLua)
	warnScript    = newScript("warn", warnLua)
	turnScript    = newScript("turn", turnLua)
	changedScript = newScript("changed", changedLua)
)
