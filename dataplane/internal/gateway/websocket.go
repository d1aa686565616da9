package gateway

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// websocketPath is where MQTT is spoken over WebSocket.
const websocketPath = "/mqtt"

func (g *Gateway) websocketServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc(websocketPath, g.upgrade)
	return g.server(mux, "http/1.1")
}

// server bounds what a client may do before it is known.
func (g *Gateway) server(handler http.Handler, protocols ...string) *http.Server {
	return &http.Server{
		Handler: handler, TLSConfig: g.files.tlsConfig(protocols...), ReadHeaderTimeout: g.cfg.HandshakeTimeout,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog:    slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return g.ctx },
		ConnContext: withConnection,
	}
}

func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request) {
	begun := g.Now()
	if g.open.Add(1) > int64(g.cfg.Connections) {
		g.open.Add(-1)
		g.Metrics.refused.WithLabelValues(protocolWebSocket, "connections").Inc()
		http.Error(w, "too many connections: try again later", http.StatusServiceUnavailable)
		return
	}
	defer g.open.Add(-1)
	// Devices are known by certificate, never by cookie: a foreign page gains nothing by its origin.
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{"mqtt"}, InsecureSkipVerify: true,
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		g.Log.Info("websocket refused", slog.String("remote", r.RemoteAddr), slog.Any("error", err))
		return
	}
	if ws.Subprotocol() != "mqtt" {
		_ = ws.Close(websocket.StatusProtocolError, "ask for the subprotocol mqtt")
		return
	}
	g.conns.Add(1)
	defer g.conns.Done()
	ws.SetReadLimit(int64(g.cfg.PayloadBytes + connectBytes))
	conn := websocket.NetConn(g.ctx, ws, websocket.MessageBinary)
	defer conn.Close()
	g.serve(conn, r.TLS.PeerCertificates, protocolWebSocket, r.RemoteAddr, begun)
}
