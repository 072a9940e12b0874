package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/test/relay"
	"github.com/ringfence/ringfence/test/site"
)

// Hosts of a run, all on loopback: a trunk is told from a phone by its address.
var (
	gateHost   = netip.MustParseAddr("127.0.0.1")
	phoneHost  = netip.MustParseAddr("127.0.0.5")
	trunkHost  = netip.MustParseAddr("127.0.0.2")
	secondHost = netip.MustParseAddr("127.0.0.3")
	pbxHost    = netip.MustParseAddr("127.0.0.4")
)

const (
	freeNumber = "+12125550100"
	phoneLimit = 25 * time.Second // a SIPp that is not done by then has failed
	afterwards = 10 * time.Second // how long the other ends may take when the caller is done
)

// run is a scenario on its way.
type run struct {
	*Scenario
	plan   site.Plan
	ends   [len(Ends)]*end
	relays []*relay.Relay
}

// end is who plays a role.
type end struct {
	phone *site.Phone // nil: a silent one
	quiet *site.Silent
}

// Run plays the scenario through proxy, with files in dir, and says what each end heard. An error means that SIPp, the
// proxy or the setting failed, or that calls alike went differently.
func (s *Scenario) Run(ctx context.Context, proxy site.Proxy, dir string) (_ Outcome, err error) {
	r := &run{Scenario: s}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.place(dir); err != nil {
		return Outcome{}, err
	}
	if err := r.openNear(); err != nil {
		return Outcome{}, err
	}
	p, err := proxy.Start(ctx, r.plan)
	if err != nil {
		return Outcome{}, err
	}
	playErr := r.play(ctx)
	stopErr := p.Stop()
	if playErr != nil {
		return Outcome{}, fmt.Errorf("%w\n--- %s wrote:\n%s", errors.Join(playErr, stopErr), proxy.Name(), p.Output())
	}
	if stopErr != nil {
		return Outcome{}, stopErr
	}
	return r.outcome()
}

// place finds an address for everybody.
func (r *run) place(dir string) error {
	gate, err := site.FreeAddress(gateHost)
	if err != nil {
		return err
	}
	r.plan = site.Plan{Gate: gate, Phones: netip.PrefixFrom(phoneHost, phoneHost.BitLen()), Dir: dir, Timers: r.timers()}
	hosts := [len(Ends)]netip.Addr{phoneHost, trunkHost, secondHost, pbxHost}
	if r.Inbound {
		hosts[0] = trunkHost
	}
	for i, role := range r.roles() {
		at, err := site.FreeAddress(hosts[i])
		if err != nil {
			return err
		}
		if r.ends[i], err = r.end(i, role, at); err != nil {
			return err
		}
	}
	first := site.Trunk{At: r.ends[1].at(), Protocol: cmp.Or(r.Trunk.Over, site.UDP)}
	if r.Large {
		first.Protocol = site.UDP
	}
	if r.Inbound {
		first.At = r.ends[0].at()
	}
	r.plan.Trunks = []site.Trunk{first}
	if r.Second.Over != "" {
		r.plan.Trunks = append(r.plan.Trunks, site.Trunk{At: r.ends[2].at(), Protocol: r.Second.Over})
	}
	r.plan.PBX = r.ends[3].at()
	r.plan.Peer = strings.ReplaceAll(r.Peer, "{pbx}", r.plan.PBX.String())
	return nil
}

func (r *run) timers() site.Timers {
	return site.Timers{
		T1:       cmp.Or(r.Timers.T1, 200*time.Millisecond),
		C:        cmp.Or(r.Timers.C, 3*time.Minute+10*time.Second),
		NoAnswer: cmp.Or(r.Timers.NoAnswer, 10*time.Second),
	}
}

// end makes the phone of a role. The trunk's relay, if any, takes the place that the proxy is told of.
func (r *run) end(i int, role *Role, at netip.AddrPort) (*end, error) {
	if role.Script == "" {
		quiet, err := site.Listen(at)
		return &end{quiet: quiet}, err
	}
	p := &site.Phone{
		Name: strings.ReplaceAll(Ends[i], " ", "-"), Script: Script(role.Script), Protocol: role.Over, At: at,
		Calls: max(r.Calls, 1), Limit: phoneLimit, Trace: true, Dir: r.plan.Dir,
	}
	if i == 0 {
		p.Number, p.Rep, p.Remote = cmp.Or(r.Number, freeNumber), site.Caller, r.plan.Gate
	}
	if i == 1 && r.Far != nil {
		bad, err := relay.Start(netip.AddrPortFrom(trunkHost, 0), trunkHost, at, r.Far.There(), r.Far.Back())
		if err != nil {
			return nil, err
		}
		r.relays = append(r.relays, bad)
		p.Contact = bad.Front()
	}
	return &end{phone: p}, nil
}

// at is the address by which the proxy knows this end.
func (e *end) at() netip.AddrPort {
	switch {
	case e.phone == nil:
		return e.quiet.At()
	case e.phone.Contact.IsValid():
		return e.phone.Contact
	}
	return e.phone.At
}

// openNear puts the bad network before the caller.
func (r *run) openNear() error {
	if r.Near == nil {
		return nil
	}
	bad, err := relay.Start(netip.AddrPortFrom(phoneHost, 0), phoneHost, r.plan.Gate, r.Near.There(), r.Near.Back())
	if err != nil {
		return err
	}
	r.relays = append(r.relays, bad)
	caller := r.ends[0].phone
	caller.Remote, caller.Contact = bad.Front(), bad.Behind()
	return nil
}

// play starts who is called, then the caller, and waits for all of them.
func (r *run) play(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, phoneLimit+afterwards, errors.New("it took too long"))
	defer cancel()
	var called []*site.Phone
	for _, e := range r.ends[1:] {
		if e.phone == nil {
			continue
		}
		if err := e.phone.Start(); err != nil {
			return err
		}
		called = append(called, e.phone)
	}
	caller := r.ends[0].phone
	if err := caller.Start(); err != nil {
		return err
	}
	err := caller.Wait(ctx)
	rest, cancelRest := context.WithTimeoutCause(ctx, afterwards, errors.New("the caller is done and this end is not"))
	defer cancelRest()
	if err != nil {
		cancelRest() // they wait for a call that will not come
	}
	for _, p := range called {
		err = errors.Join(err, p.Wait(rest))
	}
	return err
}

// outcome reads what everybody heard.
func (r *run) outcome() (o Outcome, err error) {
	for i, e := range r.ends {
		if e.phone == nil {
			o[i] = e.quiet.Heard()
			continue
		}
		messages, err := e.phone.Messages()
		if err != nil {
			return o, err
		}
		if o[i], err = unanimous(flows(messages, r.Near != nil || r.Far != nil), max(r.Calls, 1)); err != nil {
			return o, fmt.Errorf("%s: %w", Ends[i], err)
		}
		if err := reads(messages, r.roles()[i].Reads); err != nil {
			return o, fmt.Errorf("%s: %w", Ends[i], err)
		}
	}
	return o, nil
}

// reads holds the received messages to what must stand in one of them.
func reads(messages []site.Message, wanted []string) error {
	for _, text := range wanted {
		if !slices.ContainsFunc(messages, func(m site.Message) bool { return !m.Sent && strings.Contains(m.Text, text) }) {
			return fmt.Errorf("no message that it heard holds %q", text)
		}
	}
	return nil
}

func (r *run) close() (err error) {
	for _, e := range r.ends {
		switch {
		case e == nil:
		case e.phone != nil:
			e.phone.Kill()
		case e.quiet != nil:
			err = errors.Join(err, e.quiet.Close())
		}
	}
	for _, bad := range r.relays {
		err = errors.Join(err, bad.Close())
	}
	return err
}

// Root is the folder test/ of the source tree.
func Root() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		panic("the test was built without file names (-trimpath): it cannot find its scenarios")
	}
	return filepath.Dir(filepath.Dir(file))
}

// Script is the file of a SIPp scenario.
func Script(name string) string { return filepath.Join(Root(), "sipp", name+".xml") }

// Kamailio is the relay that stands in the gate's place.
func Kamailio() site.Kamailio {
	return site.Kamailio{Template: filepath.Join(Root(), "kamailio", "kamailio.cfg.tmpl")}
}
