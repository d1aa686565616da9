package localcopy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/millwright-io/millwright/dataplane/internal/localcopy"
)

// written makes a copy with a snapshot of three entries at revision 7 and two changes after it.
func written(t *testing.T, dir string) {
	t.Helper()
	c, err := localcopy.New(dir, "eu-1")
	check(t, err)
	check(t, c.Begin("bucket 1"))
	for i := range 3 {
		check(t, c.Add(localcopy.Entry{Key: fmt.Sprintf("device.%d", i), Revision: uint64(i + 1), Value: []byte{byte(i)}}))
	}
	check(t, c.Complete(7))
	check(t, c.Add(localcopy.Entry{Key: "device.3", Revision: 8, Value: []byte("three")}))
	check(t, c.Add(localcopy.Entry{Key: "device.0", Revision: 9}))
	check(t, c.Close())
}

// load returns what is known after reading the copy.
func load(t *testing.T, dir, cell string) (map[string]string, localcopy.Version, bool, error) {
	t.Helper()
	c, err := localcopy.New(dir, cell)
	check(t, err)
	known := map[string]string{}
	v, ok, err := c.Load(func(e localcopy.Entry) {
		if e.Value == nil {
			delete(known, e.Key)
		} else {
			known[e.Key] = string(e.Value)
		}
	})
	check(t, c.Close())
	return known, v, ok, err
}

func TestACopyIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if known, _, ok, err := load(t, dir, "eu-1"); ok || err != nil || len(known) != 0 {
		t.Fatalf("without a copy: %v %t %v", known, ok, err)
	}
	written(t, dir)
	known, v, ok, err := load(t, dir, "eu-1")
	if !ok || err != nil || len(known) != 3 || known["device.3"] != "three" || known["device.1"] != "\x01" {
		t.Fatalf("%v %t %v", known, ok, err)
	}
	if v.Bucket != "bucket 1" || v.Revision != 9 || v.Key != "device.0" || v.Value != nil {
		t.Errorf("version %+v", v)
	}
	// What was loaded takes further changes.
	c, err := localcopy.New(dir, "eu-1")
	check(t, err)
	_, _, err = c.Load(func(localcopy.Entry) {})
	check(t, err)
	check(t, c.Add(localcopy.Entry{Key: "device.4", Revision: 10, Value: []byte("four")}))
	check(t, c.Close())
	if known, v, _, err = load(t, dir, "eu-1"); err != nil || known["device.4"] != "four" || v.Revision != 10 {
		t.Errorf("after a further change: %v %+v %v", known, v, err)
	}
	if known, _, ok, err := load(t, dir, "us-1"); ok || err == nil || len(known) != 0 {
		t.Errorf("another cell took it: %v %t %v", known, ok, err)
	}
}

// TestADamagedCopyIsNeverHalfTaken cuts the file at every length and turns over every byte: what is taken is the whole snapshot
// with some of its changes, or nothing.
func TestADamagedCopyIsNeverHalfTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	written(t, dir)
	path := filepath.Join(dir, "catalog")
	whole, err := os.ReadFile(path)
	check(t, err)
	try := func(what string, data []byte) {
		check(t, os.WriteFile(path, data, 0o600))
		known, v, ok, _ := load(t, dir, "eu-1")
		switch {
		case !ok && len(known) == 0:
		case ok && v.Revision >= 7 && v.Revision <= 9 && len(known) >= 3 && known["device.1"] == "\x01" && known["device.2"] == "\x02":
		default:
			t.Errorf("%s: took %v at %+v, ok %t", what, known, v, ok)
		}
	}
	for n := range whole {
		try(fmt.Sprintf("cut to %d bytes", n), whole[:n])
		turned := append([]byte(nil), whole...)
		turned[n] ^= 0x40
		try(fmt.Sprintf("byte %d turned over", n), turned)
	}
	try("zeros behind", append(append([]byte(nil), whole...), make([]byte, 100)...))
}

func TestASnapshotIsDueWhenTheChangesOutgrowIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := localcopy.New(dir, "eu-1")
	check(t, err)
	check(t, c.Begin("b"))
	check(t, c.Complete(1))
	value := make([]byte, 1<<20)
	for i := range 4 {
		if c.Due() {
			t.Errorf("due after %d MB", i)
		}
		check(t, c.Add(localcopy.Entry{Key: "device.0", Revision: uint64(i + 2), Value: value}))
	}
	if !c.Due() {
		t.Error("not due")
	}
	check(t, c.Begin("b"))
	check(t, c.Add(localcopy.Entry{Key: "device.0", Revision: 6, Value: value}))
	check(t, c.Complete(6))
	check(t, c.Close())
	if info, err := os.Stat(filepath.Join(dir, "catalog")); err != nil || info.Size() > 2<<20 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
