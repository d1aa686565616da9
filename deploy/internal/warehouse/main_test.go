package warehouse

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// childConfig makes the test binary run an endpoint of its own instead of the tests: the engine keeps one data
// directory a process, and some tests kill theirs.
const childConfig = "WAREHOUSE_TEST_CHILD"

var shared *endpoint

func TestMain(m *testing.M) {
	if text := os.Getenv(childConfig); text != "" {
		os.Exit(runChild(text))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "warehouse")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := New(Config{Address: "127.0.0.1:0", DataDir: dir, MemoryLimit: 2 << 30, MaxQueuedQueries: 256}, quiet())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	password, err := os.ReadFile(filepath.Join(dir, "admin.password"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- server.Run(ctx) }()
	shared = &endpoint{address: server.Addr(), user: "default", password: strings.TrimSpace(string(password)), server: server}
	code := m.Run()
	stop()
	if err := <-ran; err != nil {
		fmt.Fprintln(os.Stderr, "stop:", err)
		return 1
	}
	return code
}

func runChild(text string) int {
	var cfg Config
	err := json.Unmarshal([]byte(text), &cfg)
	if err == nil {
		var server *Server
		if server, err = New(cfg, quiet()); err == nil {
			fmt.Println(server.Addr())
			err = server.Run(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// endpoint is a running server and a user of it.
type endpoint struct {
	address, user, password string
	server                  *Server   // nil for a child
	command                 *exec.Cmd // of a child
}

// startChild runs an endpoint in a process of its own; it dies with the test at the latest.
func startChild(t *testing.T, cfg Config) (*endpoint, error) {
	t.Helper()
	cfg.Address = "127.0.0.1:0"
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childConfig+"="+string(text))
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	end := func() { once.Do(func() { _ = command.Process.Kill(); _ = command.Wait() }) }
	t.Cleanup(end)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		return nil, fmt.Errorf("%s", strings.TrimSpace(complaint.String()))
	}
	password, err := os.ReadFile(filepath.Join(cfg.DataDir, "admin.password"))
	if err != nil {
		t.Fatal(err)
	}
	return &endpoint{address: strings.TrimSpace(address), user: "default", password: strings.TrimSpace(string(password)), command: command}, nil
}

// as is the same endpoint for another user.
func (e *endpoint) as(user, password string) *endpoint {
	return &endpoint{address: e.address, user: user, password: password, server: e.server}
}

// reply is an HTTP answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// post sends body with the URL's parameters given as name, value, name, value …
func (e *endpoint) post(t *testing.T, body string, parameters ...string) reply {
	t.Helper()
	return e.send(t, http.MethodPost, strings.NewReader(body), nil, parameters...)
}

func (e *endpoint) send(t *testing.T, method string, body io.Reader, header http.Header, parameters ...string) reply {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+e.address+"/?"+values.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header[name] = value
	}
	if e.user != "" {
		r.SetBasicAuth(e.user, e.password)
	}
	response, err := bare.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	return reply{status: response.StatusCode, header: response.Header, body: string(data), err: err}
}

// bare decompresses nothing by itself.
var bare = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}

// must runs sql and returns its result.
func (e *endpoint) must(t *testing.T, sql string, parameters ...string) string {
	t.Helper()
	r := e.post(t, sql, parameters...)
	if r.status != http.StatusOK || r.err != nil {
		t.Fatalf("%s: status %d, %s %v", sql, r.status, r.body, r.err)
	}
	return r.body
}

func (r reply) code() int {
	code, _ := strconv.Atoi(r.header.Get("X-ClickHouse-Exception-Code"))
	return code
}

// open connects stock clickhouse-go.
func (e *endpoint) open(t *testing.T, change ...func(*clickhouse.Options)) driver.Conn {
	t.Helper()
	options := &clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{e.address}, DialTimeout: 5 * time.Second,
		Auth: clickhouse.Auth{Username: e.user, Password: e.password},
	}
	for _, c := range change {
		c(options)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// database makes a fresh one, dropped after the test.
func (e *endpoint) database(t *testing.T) string {
	t.Helper()
	name := "t_" + strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, t.Name()))
	e.must(t, "CREATE DATABASE "+name)
	t.Cleanup(func() {
		r, err := http.NewRequest(http.MethodPost, "http://"+e.address+"/", strings.NewReader("DROP DATABASE "+name))
		if err != nil {
			return
		}
		r.SetBasicAuth(e.user, e.password)
		if response, err := bare.Do(r); err == nil {
			_ = response.Body.Close()
		}
	})
	return name
}

// eventually waits until check holds.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		if time.Now().After(deadline) {
			t.Fatalf("after 10 s still not: %s", what)
		}
		<-tick.C
	}
}
