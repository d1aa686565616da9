package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/millwright-io/millwright/deploy/internal/durable"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// access is demo.json: all that a script needs to use the demo tenant. Its keys are stable.
type access struct {
	TenantID           string `json:"tenant_id"`
	Email              string `json:"email"`
	Password           string `json:"password"`
	APIKey             string `json:"api_key"`
	ControlURL         string `json:"control_url"`
	CellURL            string `json:"cell_url"`
	IngestURL          string `json:"ingest_url"`
	MQTTAddress        string `json:"mqtt_address"`
	MQTTWebSocketURL   string `json:"mqtt_websocket_url"`
	NATSURL            string `json:"nats_url"`
	CAFile             string `json:"ca_file"`
	ClickHouseURL      string `json:"clickhouse_url"`
	ClickHouseDatabase string `json:"clickhouse_database"`
	ClickHouseUsername string `json:"clickhouse_username"`
	ClickHousePassword string `json:"clickhouse_password"`
}

// readAccess returns what an earlier start wrote, or nothing.
func readAccess(path string) (access, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return access{}, nil
	}
	if err != nil {
		return access{}, fmt.Errorf("read %s: %w", path, err)
	}
	var a access
	if err := json.Unmarshal(text, &a); err != nil {
		return access{}, nil //nolint:nilerr // it can be made again from the person's password
	}
	return a, nil
}

func (a *access) fill(cfg Config, t *tenantv1.Tenant) {
	a.TenantID, a.Email, a.Password = t.GetTenantId(), Email, cfg.Password
	a.ControlURL, a.CellURL, a.IngestURL = cfg.ControlURL, t.GetCellUrl(), t.GetIngestUrl()
	a.MQTTAddress, a.MQTTWebSocketURL, a.CAFile = t.GetMqttAddress(), t.GetMqttWebsocketUrl(), cfg.CAFile
	a.NATSURL = t.GetNatsUrl()
}

// write puts the file in place whole; only this user may read it.
func (a *access) write(path string) error {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return durable.WriteFile(path, append(text, '\n'), 0o600)
}
