package dnc

import "iter"

// pair is the containers that two sets hold under one prefix; nil where a set holds none.
type pair struct {
	prefix uint64
	a, b   container
}

// pairs goes through the prefixes of both sets in ascending order.
func pairs(a, b *Set) iter.Seq[pair] {
	return func(yield func(pair) bool) {
		next, stop := iter.Pull2(b.containers())
		defer stop()
		prefixB, inB, more := next()
		for prefixA, inA := range a.containers() {
			for ; more && prefixB < prefixA; prefixB, inB, more = next() {
				if !yield(pair{prefix: prefixB, b: inB}) {
					return
				}
			}
			p := pair{prefix: prefixA, a: inA}
			if more && prefixB == prefixA {
				p.b = inB
				prefixB, inB, more = next()
			}
			if !yield(p) {
				return
			}
		}
		for ; more; prefixB, inB, more = next() {
			if !yield(pair{prefix: prefixB, b: inB}) {
				return
			}
		}
	}
}

// union is the set of the numbers in either.
func union(a, b *Set) *Set {
	var l layout
	var restsA, restsB, both []uint16
	for p := range pairs(a, b) {
		switch {
		case p.b == nil:
			l.put(p.prefix, p.a, p.a.numbers())
		case p.a == nil:
			l.put(p.prefix, p.b, p.b.numbers())
		default:
			restsA, restsB = p.a.appendRests(restsA[:0]), p.b.appendRests(restsB[:0])
			both = unionRests(both[:0], restsA, restsB)
			l.add(p.prefix, both)
		}
	}
	return l.set()
}

// unionRests appends the rests in either of two ascending lists.
func unionRests(dst, a, b []uint16) []uint16 {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			dst, a = append(dst, a[0]), a[1:]
		case a[0] > b[0]:
			dst, b = append(dst, b[0]), b[1:]
		default:
			dst, a, b = append(dst, a[0]), a[1:], b[1:]
		}
	}
	return append(append(dst, a...), b...)
}

// compare counts the numbers that are only in after and those that are only in before.
func compare(before, after *Set) (added, removed int) {
	var rests []uint16
	common := 0
	for p := range pairs(before, after) {
		if p.a == nil || p.b == nil {
			continue
		}
		rests = p.a.appendRests(rests[:0])
		for _, rest := range rests {
			if p.b.has(rest) {
				common++
			}
		}
	}
	return after.Len() - common, before.Len() - common
}
