package gate

import "time"

// OffboardRule says how a rep who leaves is unburdened.
type OffboardRule struct {
	Undo Duration `yaml:"undo"` // 7d: so long what was handed over can be given back as a whole
}

func offboardDefaults() OffboardRule { return OffboardRule{Undo: Duration(7 * 24 * time.Hour)} }
