package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/rpc"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

// queryTimeout is how long to wait for the last rows.
const queryTimeout = 60 * time.Second

// awaitRows asks the tenant's own database until it has as many rows of the run as were acknowledged.
func (t *target) awaitRows(ctx context.Context, epoch string, want uint64, now func() time.Time) (uint64, error) {
	if t.access.ClickHouseURL == "" {
		if err := t.readAccess(ctx); err != nil {
			return 0, err
		}
	}
	deadline := now().Add(queryTimeout)
	for {
		n, err := t.countRows(ctx, epoch, "")
		if err != nil || n >= want || now().After(deadline) {
			return n, err
		}
		select {
		case <-ctx.Done():
			return n, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (t *target) readAccess(ctx context.Context) error {
	api, err := rpc.Dial(t.Server, t.Key)
	if err != nil {
		return err
	}
	cell, err := api.Cell(ctx)
	if err != nil {
		return err
	}
	a, err := cell.GetStoreAccess(ctx, &telemetryv1.GetStoreAccessRequest{})
	if err != nil {
		return rpc.Explain(err)
	}
	t.access = access{ClickHouseURL: a.GetUrl(), ClickHouseDatabase: a.GetDatabase(), ClickHouseUsername: a.GetUsername(), ClickHousePassword: a.GetPassword()}
	return nil
}

// countRows counts those of an epoch, and, unless it is empty, of one device: that reads no more than the device's own.
func (t *target) countRows(ctx context.Context, epoch, device string) (uint64, error) {
	q := url.Values{"database": {t.access.ClickHouseDatabase}, "param_epoch": {epoch}}
	statement := "select count() from events where epoch = {epoch:String}"
	if device != "" {
		q.Set("param_device", device)
		statement += " and device = {device:String}"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.access.ClickHouseURL+"/?"+q.Encode(), strings.NewReader(statement))
	if err != nil {
		return 0, fmt.Errorf("count rows: %w", err)
	}
	req.SetBasicAuth(t.access.ClickHouseUsername, t.access.ClickHousePassword)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("count rows: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if err != nil || res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("count rows: %s: %s: %w", res.Status, text, err)
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}
