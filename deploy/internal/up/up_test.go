package up

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestASecondUpOnADataDirectoryIsToldOfTheFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := openDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = openDirectory(dir)
	want(t, err, dir, "is in use", strconv.Itoa(os.Getpid()), "--data")
	first.close()
	second, err := openDirectory(dir)
	if err != nil {
		t.Fatalf("the lock was not given back: %v", err)
	}
	second.close()
}

func TestADirectoryOfANewerProgramIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte("9999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openDirectory(dir)
	want(t, err, dir, "newer", "9999")
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = openDirectory(dir)
	want(t, err, "rubbish", "no version")
}

func TestADirectoryThatCannotBeMadeIsExplained(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openDirectory(filepath.Join(file, "data"))
	want(t, err, "not a directory", "--data")
}

func TestLittleSpaceIsRefused(t *testing.T) {
	t.Parallel()
	want(t, enoughSpace("/data", 20<<20), "20 MB", "500 MB", "/data", "--data")
	if err := enoughSpace("/data", 600<<20); err != nil {
		t.Fatal(err)
	}
}

func complete(t *testing.T, c Config) Config {
	t.Helper()
	if c.Demo == "" {
		c.Demo = "none"
	}
	if err := c.complete("/opt/millwright/bin/millwright"); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAPortInUseIsNamedWithItsFlag(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	c := complete(t, Config{MQTTAddress: listener.Addr().String()})
	for i, a := range c.addresses() {
		if a.flag != "mqtt-address" {
			*a.value = fmt.Sprintf("127.0.0.%d:0", i+2)
		}
	}
	want(t, c.checkPorts(t.Context()), port, "devices over MQTT", "--mqtt-address", "--port-base")
}

func TestThePortBaseGivesEachAddressItsPort(t *testing.T) {
	t.Parallel()
	c := complete(t, Config{PortBase: 9000, CellAddress: "127.0.0.1:7"})
	got := []string{c.ControlAddress, c.CellAddress, c.IngestAddress, c.MQTTAddress, c.MQTTWebSocketAddress, c.MetricsAddress, c.ClickHouseAddress, c.DeviceNATSAddress, c.Origin}
	if text := fmt.Sprint(got); text != "[127.0.0.1:9000 127.0.0.1:7 127.0.0.1:9002 127.0.0.1:9003 127.0.0.1:9004 127.0.0.1:9005 127.0.0.1:9006 127.0.0.1:9008 http://127.0.0.1:9000]" {
		t.Fatal(text)
	}
	if c := complete(t, Config{}); c.ControlAddress != "127.0.0.1:8080" || c.ClickHouseAddress != "127.0.0.1:8123" {
		t.Fatal(c.ControlAddress, c.ClickHouseAddress)
	}
	bad := Config{Demo: "plant", PortBase: 65535}
	want(t, bad.complete("/bin/x"), "65535")
}

func TestAMissingPartNamesWhatMakesIt(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	c := complete(t, Config{Home: home})
	for _, part := range []struct{ path, target string }{
		{".tools/kratos", "make .tools/kratos"},
		{"deploy/tools/engine/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so", "make engine"},
		{"console/dist/index.html", "make console"},
	} {
		want(t, c.checkParts(), filepath.Join(home, part.path), part.target)
		path := filepath.Join(home, part.path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.checkParts(); err != nil {
		t.Fatal(err)
	}
}

func TestASecretIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir, err := openDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.close()
	value, path, err := dir.secret("x", 16)
	if err != nil || len(value) != 32 {
		t.Fatal(value, err)
	}
	again, _, err := dir.secret("x", 16)
	if err != nil || again != value {
		t.Fatal("another secret", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	_, _, err = dir.secret("x", 20)
	want(t, err, path, "backup")
}

func TestPartsStopInReverseAndAFailedStageStops(t *testing.T) {
	t.Parallel()
	var order []string
	made := func(name string, err error) *part {
		return &part{name: name, start: func(context.Context) error { return err }, stop: func() { order = append(order, name) }}
	}
	tr := &tree{log: slog.New(slog.DiscardHandler), now: time.Now}
	if err := tr.start(t.Context(), made("a", nil), made("b", nil)); err != nil {
		t.Fatal(err)
	}
	waits := &part{name: "waits", start: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	err := tr.start(t.Context(), made("c", nil), waits, made("d", errors.New("no disk")))
	if err == nil || err.Error() != "no disk" {
		t.Fatalf("got %v", err)
	}
	tr.stop()
	if got := strings.Join(order, " "); got != "c b a" {
		t.Fatalf("stopped %s", got)
	}
}

func want(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was not refused")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a sentence: %s", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the refusal does not say %q: %s", w, err)
		}
	}
}
