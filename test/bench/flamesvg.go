package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// The drawing, in pixels. A frame thinner than flameThinnest is left out: nobody could read it.
const (
	flameWidth    = 1200.0
	flameRow      = 16
	flameHead     = 44
	flameThinnest = 1.5
	flameLetter   = 6.3 // width of one
)

// svg draws the graph, the callers below: a frame is as wide as its share of the samples. Its colours: the kernel, Go's
// runtime, the Redis client, Ringfence itself, and all others.
func (f *frame) svg(title string) []byte {
	depth := f.depth(flameWidth / float64(f.samples))
	height := flameHead + (depth+1)*flameRow
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" font-family="monospace" font-size="10.5">`+"\n", flameWidth, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="6" y="16" font-size="13">%s</text>`+"\n", html.EscapeString(title))
	for i, k := range flameKinds {
		fmt.Fprintf(&b, `<rect x="%d" y="23" width="10" height="10" fill="%s"/><text x="%d" y="32">%s</text>`+"\n", 6+i*130, k.colour, 20+i*130, k.name)
	}
	f.draw(&b, 0, height-flameRow, flameWidth/float64(f.samples), f.samples)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// depth is how many rows the frames above f take when one sample is so many pixels wide.
func (f *frame) depth(pixels float64) int {
	deepest := 0
	for _, c := range f.calls {
		if float64(c.samples)*pixels >= flameThinnest {
			deepest = max(deepest, 1+c.depth(pixels))
		}
	}
	return deepest
}

func (f *frame) draw(b *bytes.Buffer, x float64, y int, pixels float64, all int) {
	width := float64(f.samples) * pixels
	if width < flameThinnest {
		return
	}
	name := html.EscapeString(f.name)
	fmt.Fprintf(b, `<g><title>%s: %.1f %%</title><rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`,
		name, 100*float64(f.samples)/float64(all), x, y, max(width-0.3, 0.2), flameRow-1, f.kind().colour)
	if room := int(width/flameLetter) - 1; room >= 3 {
		short := f.name
		if len(short) > room {
			short = short[:room-1] + "…"
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text>`, x+3, y+11, html.EscapeString(strings.ToValidUTF8(short, "")))
	}
	b.WriteString("</g>\n")
	slices.SortStableFunc(f.calls, func(a, c *frame) int { return cmp.Compare(c.samples, a.samples) })
	for _, c := range f.calls {
		c.draw(b, x, y-flameRow, pixels, all)
		x += float64(c.samples) * pixels
	}
}

type flameKind struct{ name, colour string }

var flameKinds = []flameKind{
	{"kernel", "#f4b183"}, {"Go's runtime", "#c5e0b4"}, {"Redis client", "#f4a6a6"}, {"Ringfence", "#9dc3e6"}, {"others", "#e4e0d0"},
}

func (f *frame) kind() flameKind {
	switch {
	case f.kernel:
		return flameKinds[0]
	case strings.HasPrefix(f.name, "runtime.") || strings.HasPrefix(f.name, "internal/runtime"):
		return flameKinds[1]
	case strings.HasPrefix(f.name, "redis/"):
		return flameKinds[2]
	}
	for _, ours := range []string{"sip/", "gate.", "registry.", "metrics.", "main."} {
		if strings.HasPrefix(f.name, ours) {
			return flameKinds[3]
		}
	}
	return flameKinds[4]
}
