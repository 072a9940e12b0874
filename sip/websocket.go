package sip

import (
	"fmt"
	"net/url"
)

// WebSocket is what ws and wss listeners go by.
type WebSocket struct {
	Origins []string `yaml:"origins"` // pages that may connect, such as https://phone.example.com; default: any
}

func (w WebSocket) validate() (errs []keyError) {
	for i, o := range w.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != o {
			errs = append(errs, keyError{fmt.Sprintf("origins[%d]", i), fmt.Errorf("%q is no origin: write https://HOST or https://HOST:PORT, without a path", o)})
		}
	}
	return errs
}
