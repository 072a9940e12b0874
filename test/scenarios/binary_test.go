package scenarios

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// binaryDir holds the one binary that all tests here play through; "" until it is built.
var binaryDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if binaryDir != "" {
		if err := os.RemoveAll(binaryDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

var build = sync.OnceValues(func() (binary string, err error) {
	if binaryDir, err = os.MkdirTemp("", "ringfence-scenarios-"); err != nil {
		return "", err
	}
	return site.Build(context.Background(), binaryDir)
})

// built is the gate as it is shipped.
func built(t *testing.T) string {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	return binary
}
