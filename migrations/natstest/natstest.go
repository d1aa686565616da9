// Package natstest runs a NATS server with JetStream, or three as a cluster, inside a test process or as one of its own. Only tests import it.
package natstest

import (
	"fmt"
	"net"
	"strings"
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
	// cluster is set for one of a cluster.
	cluster *server.Options
	nats    *server.Server
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

// Cluster is three servers on loopback that replicate each other's streams.
type Cluster struct {
	// URL names all of them, separated by commas.
	URL     string
	Servers []*Server
}

// NewCluster starts a cluster that stops with the test.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	const servers = 3
	var routes []string
	ports := make([]int, servers)
	for i := range ports {
		ports[i] = freePort(t)
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
	}
	c := &Cluster{}
	for i, port := range ports {
		s := &Server{dir: t.TempDir(), port: server.RANDOM_PORT}
		s.cluster = &server.Options{
			ServerName: fmt.Sprint("node-", i), Routes: server.RoutesFromStr(strings.Join(routes, ",")),
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port},
		}
		c.Servers = append(c.Servers, s)
	}
	for _, s := range c.Servers {
		s.launch(t)
	}
	var urls []string
	for _, s := range c.Servers {
		s.await(t)
		urls = append(urls, s.URL)
	}
	c.URL = strings.Join(urls, ",")
	t.Cleanup(func() {
		for _, s := range c.Servers {
			s.Stop()
		}
	})
	return c
}

// freePort is one that nobody listens on at the moment.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr, _ := l.Addr().(*net.TCPAddr)
	return addr.Port
}

// Start runs the server again after Stop.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.launch(t)
	s.await(t)
}

func (s *Server) launch(t testing.TB) {
	t.Helper()
	var cluster server.Options
	if s.cluster != nil {
		cluster = *s.cluster.Clone()
	}
	ns, err := server.NewServer(options(cluster, s.dir, s.port))
	if err != nil {
		t.Fatalf("start nats: %v", err)
	}
	ns.Start()
	s.nats = ns
}

// options are those of every server here: each write is synced, as in the product.
func options(o server.Options, dir string, port int) *server.Options {
	o.Host, o.Port, o.JetStream, o.StoreDir, o.SyncAlways = "127.0.0.1", port, true, dir, true
	o.NoSigs, o.NoLog, o.MaxPayload = true, true, 8<<20
	return &o
}

// await waits until the server takes clients, and, in a cluster, until there is a leader.
func (s *Server) await(t testing.TB) {
	t.Helper()
	ns := s.nats
	if !ns.ReadyForConnections(20 * time.Second) {
		t.Fatal("nats was not ready in 20 s")
	}
	for end := time.Now().Add(60 * time.Second); s.cluster != nil && !ns.JetStreamIsCurrent(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the cluster has no leader after 60 s")
		}
	}
	addr, ok := ns.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("nats listens on %v, want a TCP address", ns.Addr())
	}
	s.URL, s.port = ns.ClientURL(), addr.Port
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
