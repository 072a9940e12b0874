package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringfence/ringfence/gate"
)

// mostShares bounds how many collaborators one number has.
const mostShares = 16

// What is wrong with a share.
var (
	ErrSharesOwner  = errors.New("this rep owns the number; a share is agreed with somebody else")
	ErrSharesFull   = fmt.Errorf("this number has %d collaborators, which is the most; take one away first", mostShares)
	ErrSharesMuch   = errors.New("the shares would come to more than 100 percent")
	ErrNoSuchShare  = errors.New("this rep is no collaborator on that number")
	errSharePercent = errors.New("a share is 0 to 100 percent")
)

// Share lets a colleague ring an owner's customer too, for an agreed part of the result. Agreed again, the new part counts.
func (s *Store) Share(ctx context.Context, n gate.Number, scope gate.Scope, with gate.Rep, percent int) (Holding, error) {
	if with == "" {
		return Holding{}, errors.New("a share needs a rep to share with")
	}
	if percent < 0 || percent > 100 {
		return Holding{}, errSharePercent
	}
	return s.changeShares(ctx, n, scope, "share", with, percent)
}

// Unshare ends what was agreed with a colleague.
func (s *Store) Unshare(ctx context.Context, n gate.Number, scope gate.Scope, with gate.Rep) (Holding, error) {
	return s.changeShares(ctx, n, scope, "unshare", with, 0)
}

func (s *Store) changeShares(ctx context.Context, n gate.Number, scope gate.Scope, action string, with gate.Rep, percent int) (Holding, error) {
	k := keysOf(n.Digits())
	st, err := s.state(ctx, n, shareScript, []string{k.number(), k.stream(), k.owned(), k.pool(), k.changed()},
		action, identity(string(scope)), identity(string(with)), percent, mostShares, k.digits, identity(s.operator),
		adminFields(k.digits), milliseconds(s.keep), s.cause.Detail)
	if err != nil {
		return Holding{}, err
	}
	s.toldNow(ctx, n, st, scope)
	h := st.holding(n, scope)
	switch st.outcome {
	case "nobody":
		return h, ErrNotOwned
	case "self":
		return h, ErrSharesOwner
	case "full":
		return h, ErrSharesFull
	case "much":
		return h, ErrSharesMuch
	case "stranger":
		return h, ErrNoSuchShare
	}
	return h, nil
}
