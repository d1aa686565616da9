package dataplane

import (
	"encoding/json"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// measurements writes an event that the engine refused as a message again: the log keeps values, not payloads.
func measurements(e *telemetry.Event) []byte {
	values := make(map[string]float64, len(e.Names))
	for i, name := range e.Names {
		values[name] = e.Values[i]
	}
	message := map[string]any{
		"deviceId": e.Device, "timestamp": time.Unix(0, e.Time).UTC().Format(time.RFC3339Nano), "measurements": values,
	}
	if e.MessageID != "" {
		message["messageId"] = e.MessageID
	}
	if e.HasSequence {
		message["sequence"], message["epoch"] = e.Sequence, e.Epoch
	}
	b, err := json.Marshal(message)
	if err != nil { // no value of an event is beyond JSON
		return nil
	}
	return b
}
