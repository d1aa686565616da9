package nats

import (
	"fmt"
	"log/slog"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// StartLocal starts a server that only this process reaches, over no network, and returns once it serves. most bounds its streams in bytes.
func StartLocal(dir string, most int64, log *slog.Logger) (*Server, error) {
	options := &server.Options{
		ServerName: "edge", DontListen: true, NoSigs: true, JetStream: true, StoreDir: dir, SyncAlways: true,
		JetStreamMaxMemory: 16 << 20, JetStreamMaxStore: most, MaxPayload: maxPayload, MaxPending: maxPending,
	}
	srv, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("nats server: %w", err)
	}
	problems := &logger{log: log.With(slog.String("part", "store"))}
	srv.SetLoggerV2(problems, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(readyIn) || !srv.JetStreamEnabled() {
		srv.Shutdown()
		return nil, fmt.Errorf("the store in %s did not open within %s; its last words: %s", dir, readyIn, problems.last.Load())
	}
	return &Server{server: srv}, nil
}

// Connect returns a connection inside this process.
func (s *Server) Connect() (*nats.Conn, error) {
	nc, err := nats.Connect("", nats.InProcessServer(s.server), nats.MaxReconnects(-1))
	if err != nil {
		return nil, fmt.Errorf("connect to the server of this process: %w", err)
	}
	return nc, nil
}
