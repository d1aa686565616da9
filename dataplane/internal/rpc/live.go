package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/millwright-io/millwright/dataplane/internal/live"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/tenancy"
	tenancyrpc "github.com/millwright-io/millwright/tenancy/rpc"
)

const (
	// subprotocol is what the server speaks; a browser sends its token beside it, see tenancyrpc.Bearer.
	subprotocol = "millwright"
	// pingInterval keeps proxies from closing a silent connection and finds readers that are gone.
	pingInterval = 20 * time.Second
	// writeTimeout is how long one message may take to a slow reader.
	writeTimeout = 10 * time.Second
)

// liveHandler serves a device's events as JSON messages over WebSocket. Its principal is verified already.
type liveHandler struct{ deps Deps }

// message is one event to a browser.
type message struct {
	DeviceID string             `json:"deviceId"`
	Time     string             `json:"time"`
	Received string             `json:"received"`
	Values   map[string]float64 `json:"values"`
	Missed   uint64             `json:"missed"`
}

func (h *liveHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, device := r.Context(), r.PathValue("device")
	p, err := tenancy.TenantFrom(ctx)
	if err == nil {
		err = h.deps.reach(p, device)
	}
	if err != nil {
		tenancyrpc.WriteError(ctx, w, err)
		return
	}
	watch, err := h.deps.watch(p.Tenant, []string{device})
	if err != nil {
		h.deps.refused(p.Tenant, err)
		tenancyrpc.WriteError(ctx, w, err)
		return
	}
	defer watch.Close()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, OriginPatterns: hosts(h.deps.Origins)})
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }() // after the close handshake this does nothing
	// Nothing is expected from the browser; reading notices that it left.
	still := func() error { return h.deps.still(ctx, p, []string{device}) }
	switch err := send(conn.CloseRead(ctx), conn, watch, still, h.deps.sent); {
	case err == nil:
		_ = conn.Close(websocket.StatusGoingAway, "the cell is stopping")
	case errors.Is(err, tenancy.ErrForbidden):
		_ = conn.Close(websocket.StatusPolicyViolation, closeReason(err))
	}
}

// closeReason bounds a sentence as a close frame does, which has 123 bytes for it.
func closeReason(err error) string {
	text := strings.TrimSuffix(err.Error(), ": "+tenancy.ErrForbidden.Error())
	return strings.ToValidUTF8(text[:min(len(text), 123)], "")
}

// sent notes how long an event took to somebody who watches.
func (d Deps) sent(u live.Update) { d.Times.Took(timing.Live, d.Now().Sub(time.Unix(0, u.Received))) }

// send writes events until the reader is gone, or may not see them any more.
func send(ctx context.Context, conn *websocket.Conn, watch *live.Watch, still func() error, sent func(live.Update)) error {
	ping, check := time.NewTicker(pingInterval), time.NewTicker(recheck)
	defer ping.Stop()
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-watch.Cut():
			return watch.Err()
		case <-check.C:
			if err := still(); err != nil {
				return err
			}
		case <-ping.C:
			if err := timed(ctx, conn.Ping); err != nil {
				return err
			}
		case u := <-watch.Updates():
			data, err := json.Marshal(message{
				DeviceID: u.Device, Time: timestamp(u.Time), Received: timestamp(u.Received), Values: values(u), Missed: u.Missed,
			})
			if err != nil {
				return fmt.Errorf("encode event: %w", err)
			}
			if err := timed(ctx, func(ctx context.Context) error { return conn.Write(ctx, websocket.MessageText, data) }); err != nil {
				return err
			}
			sent(u)
		}
	}
}

func timed(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return do(ctx)
}

func timestamp(at int64) string { return time.Unix(0, at).UTC().Format(time.RFC3339Nano) }

// hosts are the origins' hosts, as the WebSocket library wants them.
func hosts(origins []string) []string {
	var out []string
	for _, o := range origins {
		if u, err := url.Parse(o); err == nil {
			out = append(out, u.Host)
		}
	}
	return out
}
