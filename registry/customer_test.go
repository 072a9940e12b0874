package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/customer"
	"github.com/ringfence/ringfence/registry/redistest"
)

// customerReader reads by the default types, and persons without a unique field but their number.
func customerReader(tb testing.TB) *customer.Reader {
	tb.Helper()
	cfg := customer.Defaults()
	cfg.Types["person"] = customer.Type{Fields: map[string]customer.Field{
		"name": {}, "mobile": {Kind: customer.Number, Unique: true}, "office": {Kind: customer.Number},
	}}
	z, err := gate.NewNormaliser("US", []string{"911"}, "")
	require.NoError(tb, err)
	return customer.NewReader(cfg, z.Number)
}

// draft reads a record's fields, written "name=Acme phone=+1;+2".
func draft(tb testing.TB, r *customer.Reader, typ string, fields ...string) Draft {
	tb.Helper()
	values, err := r.Read(typ, given(fields), true)
	require.NoError(tb, err)
	return Draft{Type: typ, Values: values}
}

func given(fields []string) map[string][]string {
	m := make(map[string][]string)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		m[name] = nil
		if value != "" {
			m[name] = strings.Split(value, ";")
		}
	}
	return m
}

func TestCustomers(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		r := customerReader(t)
		c := s.Customers(r)
		acme, err := c.Add(ctx, draft(t, r, "company", "name=Acme Inc.", "phone=+12125550100;+12125550101", "note=50%\u2028of"))
		require.NoError(t, err)
		got, err := c.Get(ctx, acme.ID)
		require.NoError(t, err)
		require.Equal(t, []string{"+12125550100", "+12125550101"}, got.Fields["phone"])
		require.Equal(t, []string{"50%\u2028of"}, got.Fields["note"])
		require.Equal(t, []gate.Number{"+12125550100", "+12125550101"}, got.Numbers)

		var taken *TakenError
		_, err = c.Add(ctx, draft(t, r, "company", "name=Other", "email=a@b.example", "phone=(212) 555-0101"))
		require.ErrorAs(t, err, &taken)
		require.Equal(t, "phone", taken.Field)
		require.Equal(t, acme.ID, taken.Holder.ID)
		_, err = c.Add(ctx, draft(t, r, "company", "name=Other GmbH", "email=a@b.example"))
		require.NoError(t, err, "a customer that was refused has taken nothing")
		_, err = c.Add(ctx, draft(t, r, "person", "name=Li", "mobile=+12125550100"))
		require.ErrorAs(t, err, &taken, "a number has one customer, of whatever type")
		_, err = c.Add(ctx, draft(t, r, "person", "name=Li", "office=+12125550100"))
		require.NoError(t, err, "but may be known of others")
		again, err := c.Add(ctx, draft(t, r, "person", "name=LI", "office=+12125550100"))
		require.NoError(t, err)
		require.True(t, again.Same, "what has nothing unique is told by all of it")

		read := func(fields ...string) func(string) (customer.Values, error) {
			return func(typ string) (customer.Values, error) { return r.Read(typ, given(fields), false) }
		}
		_, err = c.Change(ctx, acme.ID, read("phone=+12125550100", "email=A@b.example"))
		require.ErrorAs(t, err, &taken)
		require.Equal(t, "email", taken.Field)
		got, err = c.Get(ctx, acme.ID)
		require.NoError(t, err)
		require.Len(t, got.Numbers, 2, "a change that was refused changes nothing")
		_, err = c.Change(ctx, acme.ID, read("phone=+12125550100", "note="))
		require.NoError(t, err)
		got, err = c.Get(ctx, acme.ID)
		require.NoError(t, err)
		require.Len(t, got.Numbers, 1)
		require.NotContains(t, got.Fields, "note")
		require.Equal(t, []string{"Acme Inc."}, got.Fields["name"])
		_, err = c.Add(ctx, draft(t, r, "person", "mobile=+12125550101"))
		require.NoError(t, err, "what was given up is free")

		_, err = c.Remove(ctx, acme.ID)
		require.NoError(t, err)
		_, err = c.Get(ctx, acme.ID)
		require.ErrorIs(t, err, ErrNoCustomer)
		_, err = c.Add(ctx, draft(t, r, "company", "name=ACME"))
		require.NoError(t, err)
		count := 0
		c.All(ctx, func(_ Customer, err error) bool { require.NoError(t, err); count++; return true })
		require.Equal(t, 4, count)
	})
}

// TestOneCustomerOfAll: three gates, 50 at once each, add one company in all its spellings; one gets it, and there is no
// half of another.
func TestOneCustomerOfAll(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	r := customerReader(t)
	stores := []*Store{open(t, server.UnixURL(), WithoutLists()), open(t, server.UnixURL(), WithoutLists()), open(t, server.UnixURL(), WithoutLists())}
	names := []string{"Acme %d Inc.", "ACME %d", "The Acme %d Company", "ａｃｍｅ　%d", "Acme-%d, LLC"}
	mails := []string{"li%d@bücher.example", "LI%d@xn--bcher-kva.example", "li%d@BÜCHER.example."}
	phones := []string{"+1212555%04d", "(212) 555-%04d", "212.555.%04d"}
	for round := range 20 {
		var wins, refused atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 150 {
			d := draft(t, r, "company", "name="+fmt.Sprintf(names[i%5], round), "email="+fmt.Sprintf(mails[i%3], round),
				"phone="+fmt.Sprintf(phones[i%3], 100+round), "note="+strconv.Itoa(i))
			wg.Go(func() {
				<-start
				added, err := stores[i%3].Customers(r).Add(t.Context(), d)
				var late net.Error // on a busy machine: it was added, or it was not; doing it again tells
				asked := 1
				for ; errors.As(err, &late) && asked < 20; asked++ {
					added, err = stores[i%3].Customers(r).Add(t.Context(), d)
				}
				var taken *TakenError
				switch {
				case err == nil && (!added.Same || asked > 1):
					wins.Add(1)
				case errors.As(err, &taken) && taken.Holder.ID != "":
					refused.Add(1)
				default:
					t.Errorf("%+v %v", added, err)
				}
			})
		}
		close(start)
		wg.Wait()
		require.Equal(t, int32(1), wins.Load())
		require.Equal(t, int32(149), refused.Load())
	}
	all := 0
	stores[0].Customers(r).All(t.Context(), func(c Customer, err error) bool {
		require.NoError(t, err)
		require.Len(t, c.Numbers, 1)
		require.Len(t, c.marks, 3)
		all++
		return true
	})
	require.Equal(t, 20, all)
	require.Equal(t, 60, countMarks(t, stores[0]))
}

// countMarks counts what the index holds.
func countMarks(t *testing.T, s *Store) (n int) {
	t.Helper()
	keys := s.client.Scan(t.Context(), 0, customersTag+"u:*", 1000).Iterator()
	for keys.Next(t.Context()) {
		size, err := s.client.HLen(t.Context(), keys.Val()).Result()
		require.NoError(t, err)
		n += int(size)
	}
	return n
}

// TestChangesThatCross: many change one customer at once; the index holds what its record says in the end, and nothing else.
func TestChangesThatCross(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	r := customerReader(t)
	c := s.Customers(r)
	acme, err := c.Add(t.Context(), draft(t, r, "company", "name=Acme"))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				_, err := c.Change(t.Context(), acme.ID, func(typ string) (customer.Values, error) {
					return r.Read(typ, given([]string{fmt.Sprintf("tax_id=%d-%d", i, j), fmt.Sprintf("phone=+1212555%04d", 100+i*5+j)}), false)
				})
				if err != nil && !strings.Contains(err.Error(), "being changed by others") {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := c.Get(t.Context(), acme.ID)
	require.NoError(t, err)
	require.Len(t, got.marks, 3)
	require.Equal(t, 3, countMarks(t, s))
	settle(t, s)
	tied := 0
	for i := range 40 {
		if ownerOf(t, s, gate.Number(fmt.Sprintf("+1212555%04d", 100+i)), "").Customer != "" {
			tied++
		}
	}
	require.Equal(t, 1, tied)
}

// TestUniqueIndexModel adds, changes and removes at random and compares with a plain map of values.
func TestUniqueIndexModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			url := "embedded://"
			if seed%2 == 0 {
				url = redistest.Start(t).UnixURL()
			}
			s := open(t, url, WithoutLists())
			m := newUniqueModel(t, s, seed)
			for range 600 {
				m.step()
			}
			require.Equal(t, len(m.holder), countMarks(t, s))
			for id, fields := range m.fields {
				got, err := m.c.Get(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, fields, got.Fields)
			}
		})
	}
}

// uniqueModel is the plain model: who holds which value.
type uniqueModel struct {
	t      *testing.T
	r      *customer.Reader
	c      *Customers
	rng    *rand.Rand
	holder map[string]string // "field=value" → id
	fields map[string]map[string][]string
	ids    []string
}

func newUniqueModel(t *testing.T, s *Store, seed uint64) *uniqueModel {
	r := customerReader(t)
	return &uniqueModel{t, r, s.Customers(r), rand.New(rand.NewPCG(seed, 7)), map[string]string{}, map[string]map[string][]string{}, nil}
}

func (m *uniqueModel) pick() map[string][]string {
	fields := map[string][]string{"name": {"n" + strconv.Itoa(m.rng.IntN(25))}}
	for range m.rng.IntN(4) {
		n := fmt.Sprintf("+1212555%04d", 100+m.rng.IntN(30))
		if !strings.Contains(strings.Join(fields["phone"], ","), n) {
			fields["phone"] = append(fields["phone"], n)
		}
	}
	if m.rng.IntN(2) == 0 {
		fields["tax_id"] = []string{strconv.Itoa(m.rng.IntN(20))}
	}
	if m.rng.IntN(3) == 0 {
		fields["note"] = []string{strconv.Itoa(m.rng.IntN(100))}
	}
	return fields
}

// free says whether id may hold all of the fields' unique values.
func (m *uniqueModel) free(id string, fields map[string][]string) bool {
	for name, values := range fields {
		for _, v := range values {
			if h := m.holder[name+"="+v]; name != "note" && h != "" && h != id {
				return false
			}
		}
	}
	return true
}

func (m *uniqueModel) hold(id string, fields map[string][]string) {
	for value, h := range m.holder {
		if h == id {
			delete(m.holder, value)
		}
	}
	delete(m.fields, id)
	if fields == nil {
		return
	}
	m.fields[id] = fields
	for name, values := range fields {
		for _, v := range values {
			if name != "note" {
				m.holder[name+"="+v] = id
			}
		}
	}
}

func (m *uniqueModel) step() {
	fields := m.pick()
	id := ""
	if len(m.ids) > 0 {
		id = m.ids[m.rng.IntN(len(m.ids))]
	}
	switch action := m.rng.IntN(6); {
	case action < 3 || id == "":
		m.add(fields)
	case action < 5:
		m.change(id, fields)
	default:
		_, err := m.c.Remove(m.t.Context(), id)
		if m.fields[id] == nil {
			require.ErrorIs(m.t, err, ErrNoCustomer)
		} else {
			require.NoError(m.t, err)
		}
		m.hold(id, nil)
	}
}

func (m *uniqueModel) add(fields map[string][]string) {
	values, err := m.r.Read("company", fields, true)
	require.NoError(m.t, err)
	added, err := m.c.Add(m.t.Context(), Draft{Type: "company", Values: values})
	switch free := m.free("", fields); {
	case added.Same:
		require.Equal(m.t, fields, m.fields[added.ID])
	case free:
		require.NoError(m.t, err)
		m.ids = append(m.ids, added.ID)
		m.hold(added.ID, fields)
	default:
		m.refused(err, "")
	}
}

func (m *uniqueModel) change(id string, fields map[string][]string) {
	whole := map[string][]string{"phone": nil, "tax_id": nil, "note": nil}
	maps.Copy(whole, fields)
	_, err := m.c.Change(m.t.Context(), id, func(typ string) (customer.Values, error) { return m.r.Read(typ, whole, false) })
	switch {
	case m.fields[id] == nil:
		require.ErrorIs(m.t, err, ErrNoCustomer)
	case m.free(id, fields):
		require.NoError(m.t, err)
		m.hold(id, fields)
	default:
		m.refused(err, id)
	}
}

// refused: the error names who holds the value, as the model knows it.
func (m *uniqueModel) refused(err error, id string) {
	var taken *TakenError
	require.ErrorAs(m.t, err, &taken)
	require.Equal(m.t, m.holder[taken.Field+"="+taken.Value], taken.Holder.ID)
	require.NotEqual(m.t, id, taken.Holder.ID)
}
