// Package nats runs a NATS server with JetStream inside `millwright up`. Everything acknowledged is on disk: the file
// store syncs each write. The control plane and each cell meet on it, each a user confined to the subjects of its work.
// Package up imports it.
package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The users; a second cell's is called after it.
const (
	UserControlPlane = "controlplane"
	UserCell         = "cell"
)

// Config says where the server keeps its log and whom it lets in.
type Config struct {
	// StoreDir holds the streams.
	StoreDir string
	// ControlPlanePassword is that of the control plane's user.
	ControlPlanePassword string
	// Cells each have a user of their own.
	Cells []Cell
}

// Cell is a cell's user. Name is the cell's, part of its subjects.
type Cell struct{ Name, User, Password string }

const (
	// maxPayload bounds one message: a frame of events or a checkpoint's chunk.
	maxPayload = 8 << 20
	// maxPending bounds what waits for one slow reader before it is cut off.
	maxPending = 256 << 20
	// maxStore bounds the sum of the streams' own bounds; their sizes are fitted to the disk by whoever makes them.
	maxStore = 64 << 30
	readyIn  = 30 * time.Second
)

// Server is a running NATS server: one inside this process, or one, or a cluster, that somebody else runs.
type Server struct {
	server *server.Server
	// urls are those of the other's.
	urls string
}

// External returns the server or cluster at URLs separated by commas. It lets everybody in.
func External(urls string) *Server { return &Server{urls: urls} }

// External reports whether somebody else runs the server.
func (s *Server) External() bool { return s.urls != "" }

// dialTimeout bounds the look whether somebody else's server is there.
const dialTimeout = 2 * time.Second

// reachable returns nil when one of the servers listens.
func reachable(urls string) error {
	dialer := net.Dialer{Timeout: dialTimeout}
	var errs []error
	for text := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err == nil {
			var conn net.Conn
			if conn, err = dialer.DialContext(context.Background(), "tcp", u.Host); err == nil {
				return conn.Close()
			}
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("nats at %s: %w", urls, errors.Join(errs...))
}

// Start starts the server on a loopback port that the system picks and returns once it serves.
func Start(cfg Config, log *slog.Logger) (*Server, error) {
	if cfg.ControlPlanePassword == "" || len(cfg.Cells) == 0 {
		return nil, errors.New("nats: a password and a cell are required")
	}
	users := []*server.User{{Username: UserControlPlane, Password: cfg.ControlPlanePassword, Permissions: controlPlanePermissions(cfg.Cells)}}
	for _, c := range cfg.Cells {
		if c.Name == "" || c.User == "" || c.Password == "" {
			return nil, errors.New("nats: a cell's name, user and password are required")
		}
		users = append(users, &server.User{Username: c.User, Password: c.Password, Permissions: cellPermissions(c.Name)})
	}
	options := &server.Options{
		ServerName: "millwright", Host: "127.0.0.1", Port: server.RANDOM_PORT, DontListen: false,
		NoSigs: true, NoSystemAccount: false, JetStream: true, StoreDir: cfg.StoreDir, SyncAlways: true,
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: maxStore, MaxPayload: maxPayload, MaxPending: maxPending, MaxControlLine: 4096,
		Users: users,
	}
	srv, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("nats server: %w", err)
	}
	problems := &logger{log: log.With(slog.String("part", "nats"))}
	srv.SetLoggerV2(problems, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(readyIn) || !srv.JetStreamEnabled() {
		srv.Shutdown()
		return nil, fmt.Errorf("nats server with its store in %s did not start within %s; its last words: %s", cfg.StoreDir, readyIn, problems.last.Load())
	}
	return &Server{server: srv}, nil
}

// URL is where the server listens, without user and password.
func (s *Server) URL() string {
	if s.External() {
		return s.urls
	}
	return s.server.ClientURL()
}

// Ready returns nil while the server serves.
func (s *Server) Ready() error {
	if s.External() {
		return reachable(s.urls)
	}
	if !s.server.Running() || !s.server.JetStreamEnabled() {
		return errors.New("not running")
	}
	return nil
}

// Stop shuts the server down and waits until its store is closed; one that somebody else runs goes on.
func (s *Server) Stop() {
	if s.External() {
		return
	}
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// Totals is what the server counts for its operator.
type Totals struct {
	Connections    int
	MessagesIn     int64
	BytesIn        int64
	StoredMessages uint64
	StoredBytes    uint64
	SlowConsumers  int64
}

// Totals returns the counters now.
func (s *Server) Totals() (Totals, error) {
	if s.External() {
		return Totals{}, errors.New("whoever runs nats counts for themselves")
	}
	v, err := s.server.Varz(nil)
	if err != nil {
		return Totals{}, fmt.Errorf("ask nats for its state: %w", err)
	}
	js, err := s.server.Jsz(nil)
	if err != nil {
		return Totals{}, fmt.Errorf("ask jetstream for its state: %w", err)
	}
	return Totals{
		Connections: v.Connections, MessagesIn: v.InMsgs, BytesIn: v.InBytes,
		StoredMessages: js.Messages, StoredBytes: js.Bytes, SlowConsumers: v.SlowConsumers,
	}, nil
}

// quiet lists what the server says of an ordinary life.
var quiet = []string{"Plaintext passwords detected", "Filestore", "is deprecated"}

func notable(text string) bool {
	for _, q := range quiet {
		if strings.Contains(text, q) {
			return false
		}
	}
	return true
}
