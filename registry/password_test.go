package registry

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		for _, rep := range []gate.Rep{"201", "a}b{c", gate.Rep(strings.Repeat("long", 100))} {
			require.ErrorIs(t, s.RemovePassword(ctx, rep), ErrNoPassword)
			_, known, err := s.HA1(ctx, string(rep), "r", "MD5")
			require.NoError(t, err)
			require.False(t, known)
			require.NoError(t, s.SetPassword(ctx, rep, "r", map[string]string{"MD5": "aa", "SHA-256": "bb"}))
			require.NoError(t, s.SetPassword(ctx, rep, "other", map[string]string{"MD5": "cc"}))
			for field, want := range map[[2]string]string{{"r", "MD5"}: "aa", {"r", "SHA-256"}: "bb", {"other", "MD5"}: "cc", {"other", "SHA-256"}: ""} {
				ha1, known, err := s.HA1(ctx, string(rep), field[0], field[1])
				require.NoError(t, err)
				require.Equal(t, want, ha1)
				require.Equal(t, want != "", known)
			}
			require.NoError(t, s.RemovePassword(ctx, rep))
			_, known, err = s.HA1(ctx, string(rep), "other", "MD5")
			require.NoError(t, err)
			require.False(t, known)
		}
		require.Error(t, s.SetPassword(ctx, "", "r", map[string]string{"MD5": "aa"}))
	})
}

// A server that hangs keeps a question no longer than its deadline; whatever is wrong, nobody is taken for unknown.
func TestPasswordInOutage(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*redistest.Server){"gone": (*redistest.Server).Stop, "frozen": (*redistest.Server).Freeze} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			s := open(t, server.URL())
			fail(server)
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			begun := time.Now()
			_, known, err := s.HA1(ctx, "201", "r", "MD5")
			require.Error(t, err)
			require.False(t, known)
			require.Less(t, time.Since(begun), 2*time.Second)
		})
	}
}
