package e2e

import (
	"os"
	"testing"

	"github.com/millwright-io/millwright/migrations/natstest"
)

func TestMain(m *testing.M) {
	natstest.Main()
	os.Exit(m.Run())
}
