package nats

import (
	"fmt"
	"log/slog"

	"github.com/nats-io/nats-server/v2/server"
)

// Unsynced starts a server on a loopback port that lets everybody in and acknowledges before a message is on disk. It is
// for measurements to which durability is nothing: filling a large catalog would else be a sync an entry.
func Unsynced(storeDir string, log *slog.Logger) (*Server, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName: "unsynced", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, JetStream: true, StoreDir: storeDir,
		JetStreamMaxStore: maxStore, MaxPayload: maxPayload, MaxPending: maxPending, MaxControlLine: 4096,
	})
	if err != nil {
		return nil, fmt.Errorf("nats server: %w", err)
	}
	srv.SetLoggerV2(&logger{log: log.With(slog.String("part", "nats"))}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(readyIn) {
		srv.Shutdown()
		return nil, fmt.Errorf("nats server with its store in %s did not start within %s", storeDir, readyIn)
	}
	return &Server{server: srv}, nil
}
