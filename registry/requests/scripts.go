package requests

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

//go:embed scripts/prelude.lua
var prelude string

var (
	//go:embed scripts/open.lua
	openLua string
	//go:embed scripts/answer.lua
	answerLua string
	//go:embed scripts/due.lua
	dueLua string
	//go:embed scripts/effect.lua
	effectLua string
)

var (
	openScript   = redis.NewScript(prelude + "\n" + openLua)
	answerScript = redis.NewScript(prelude + "\n" + answerLua)
	dueScript    = redis.NewScript(prelude + "\n" + dueLua)
	effectScript = redis.NewScript(prelude + "\n" + effectLua)
)
