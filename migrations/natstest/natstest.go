// Package natstest runs a NATS server with JetStream inside a test process. Only tests import it.
package natstest

import (
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Server is one NATS server on a loopback port of its own. It can be stopped and started again on its store.
type Server struct {
	// URL stays the same over Stop and Start.
	URL string

	dir  string
	port int
	nats *server.Server
}

// New starts a server that keeps its streams in a directory of the test and stops with it. Every write is synced, as
// in the product.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir(), port: server.RANDOM_PORT}
	s.Start(t)
	t.Cleanup(func() { s.Stop() })
	return s
}

// Start runs the server again after Stop.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: s.port, JetStream: true, StoreDir: s.dir, SyncAlways: true,
		NoSigs: true, NoLog: true, MaxPayload: 8 << 20,
	})
	if err != nil {
		t.Fatalf("start nats: %v", err)
	}
	ns.Start()
	if !ns.ReadyForConnections(20 * time.Second) {
		t.Fatal("nats was not ready in 20 s")
	}
	addr, ok := ns.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("nats listens on %v, want a TCP address", ns.Addr())
	}
	s.nats, s.URL, s.port = ns, ns.ClientURL(), addr.Port
}

// Stop shuts the server down and waits until it is gone.
func (s *Server) Stop() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// Connect opens a connection that reconnects for ever and closes with the test.
func (s *Server) Connect(t testing.TB) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.URL, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatalf("connect to %s: %v", s.URL, err)
	}
	t.Cleanup(nc.Close)
	return nc
}
