package dnc

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Version names one state of one list: the time it was made by Redis's clock, in milliseconds, made unique. Numbers
// that only count would start again after a loss of data, and old records would then name the wrong list.
type Version int64

// String is the version as records show it, e.g. 20260801T101500.123Z.
func (v Version) String() string {
	if v == 0 {
		return ""
	}
	return v.Time().Format("20060102T150405.000Z")
}

// Time is when the version was made.
func (v Version) Time() time.Time { return time.UnixMilli(int64(v)).UTC() }

// MarshalText writes the version as String does.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (v *Version) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*v = 0
		return nil
	}
	t, err := time.Parse("20060102T150405.000Z", string(text))
	if err != nil {
		return fmt.Errorf("%q is no version of a list", text)
	}
	*v = Version(t.UnixMilli())
	return nil
}

// Meta says where a list comes from.
type Meta struct {
	By     string // who loaded it
	Source string // name of the file
}

// Info describes one version of a list.
type Info struct {
	List    string  `json:"list"`
	Version Version `json:"version"`
	Numbers int     `json:"numbers"`
	Sum     string  `json:"sha256"` // over the sums of its chunks, in their order
	Bytes   int     `json:"bytes"`  // of its chunks in Redis
	By      string  `json:"by,omitempty"`
	Source  string  `json:"source,omitempty"`
	Loaded  Version `json:"loaded"` // the version that was loaded from Source: an earlier one after single edits
	Edits   int     `json:"edits"`  // numbers added and removed one by one since
}

// manifest is one version of a list.
type manifest struct {
	Info
	ID     string     `json:"id"` // in its key
	Chunks []chunkRef `json:"chunks"`
}

// chunkRef says where a chunk is and what it must hold.
type chunkRef struct {
	ID      string `json:"id"` // in its key
	Numbers int    `json:"numbers"`
	Bytes   int    `json:"bytes"`
	First   uint64 `json:"first"` // prefix of its first container
	Sum     string `json:"sha256"`
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// total sets count, size and sum of the whole from those of the chunks. A sum over sums lets a single edit of a
// national list read and write one chunk of it.
func (m *manifest) total() {
	m.Numbers, m.Bytes = 0, 0
	sums := sha256.New()
	for _, c := range m.Chunks {
		m.Numbers += c.Numbers
		m.Bytes += c.Bytes
		sums.Write([]byte(c.Sum))
	}
	m.Sum = hex.EncodeToString(sums.Sum(nil))
}

// check says whether the manifest is whole and is the one that the entry in rf:{dnc}:lists means.
func (m *manifest) check(want version) error {
	totals := manifest{Chunks: m.Chunks}
	totals.total()
	if m.ID != want.ID || m.List != want.List || m.Version != want.Version || totals.Sum != want.Sum || totals.Numbers != want.Numbers {
		return fmt.Errorf("its manifest does not agree with the entry in %s", keyLists)
	}
	for i := 1; i < len(m.Chunks); i++ {
		if m.Chunks[i-1].First >= m.Chunks[i].First {
			return fmt.Errorf("its manifest has chunk %d out of order", i)
		}
	}
	return nil
}

// open reads a chunk and holds it to its reference.
func (c chunkRef) open(data []byte) (*segment, error) {
	if sum := sumOf(data); sum != c.Sum {
		return nil, fmt.Errorf("its sha256 is %.12s…, not %.12s… as the manifest says", sum, c.Sum)
	}
	seg, err := decode(data)
	if err != nil {
		return nil, err
	}
	if seg.count != c.Numbers || seg.base != c.First {
		return nil, fmt.Errorf("it holds %d numbers where the manifest says %d", seg.count, c.Numbers)
	}
	return seg, nil
}
