package registry

import _ "embed"

// The scripts of an offboarding; their bodies, one round trip each.
var (
	//go:embed scripts/plan.lua
	planLua string
	//go:embed scripts/asitwas.lua
	asItWasLua string
	//go:embed scripts/handover.lua
	handoverLua string
	//go:embed scripts/takeback.lua
	takebackLua string
)

var (
	planScript     = newScript("plan", planLua)
	handoverScript = newOwnershipScript("handover", asItWasLua+"\n"+handoverLua)
	takebackScript = newOwnershipScript("takeback", asItWasLua+"\n"+takebackLua)
)
