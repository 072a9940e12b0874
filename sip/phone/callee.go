package phone

// Callee is the outside world behind a trunk: it answers whatever number is called, in the name of that number.
type Callee struct{ *Phone }

// NewCallee starts the outside world on host:port; port 0: the kernel chooses. It picks up every call at once.
func NewCallee(listen string) (*Callee, error) {
	p, err := New(Config{Listen: listen})
	if err != nil {
		return nil, err
	}
	return &Callee{Phone: p}, nil
}

// At sets what happens at one number, written as it comes in the Request-URI.
func (c *Callee) At(number string, b Behaviour) { c.AnswerFor(number, b) }
