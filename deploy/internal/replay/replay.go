// Package replay sends a recording as if a device were sending it now, or has the engine run again over what is stored: the
// `replay` verb. The binary imports it.
package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

const (
	topic = "v1/telemetry"
	// window is how many rows may wait for their acknowledgement.
	window = 256
	// drainTimeout is how long to wait for the last acknowledgements.
	drainTimeout = 30 * time.Second
)

type flags struct {
	device, deviceType, file, credentials, address string
	rate                                           string
	from, to                                       string
	shift                                          bool
	layout                                         Layout
	api                                            *rpc.Options
}

// Commands are the verbs of this package.
func Commands() []command.Command {
	return []command.Command{{
		Name: "replay", Summary: "send a CSV recording through a device; or run the engine again over stored events and compare",
		Details: "Every column but the time becomes a measurement of its header's name, as it stands; empty cells are left out. The " +
			"message ids come from the file's content, so that sending a recording twice stores it once. " +
			"With --from instead, the engine runs again over the stored events that were received from then to --to, in a state that is thrown " +
			"away, and what it makes is compared with the stored windows and the counted usage: nothing is written, a difference ends with exit code 1.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			f := define(fs)
			return func(ctx context.Context, e command.Env, _ []string) error { return f.run(ctx, e) }
		},
	}}
}

func define(fs *flag.FlagSet) *flags {
	f := &flags{api: rpc.Flags(fs)}
	fs.StringVar(&f.device, "device", "", "`name` of the device; it is registered when it does not exist")
	fs.StringVar(&f.deviceType, "type", "recording", "device `type`, when it is registered")
	fs.StringVar(&f.file, "csv", "", "`file` to send")
	fs.StringVar(&f.credentials, "credentials", "", "`folder` with cert.pem, key.pem and ca.pem; empty: the device gets a new certificate")
	fs.StringVar(&f.address, "mqtt-address", "", "`host:port` of MQTT over TLS; asked of the server when empty")
	fs.StringVar(&f.rate, "rate", "1x", "`speed`: 50x for fifty times as fast as recorded, 200 for events a second, max")
	fs.StringVar(&f.from, "from", "", "`TIME`, RFC 3339 or a span before now such as 2h: run the engine again over events stored from then on")
	fs.StringVar(&f.to, "to", "", "`TIME` after the last of them (default now)")
	fs.BoolVar(&f.shift, "shift-to-now", false, "move the recording in time so that it begins now")
	fs.StringVar(&f.layout.TimeColumn, "time-column", "", "`name` of the column with the time; empty: the first of timestamp, datetime, time, date, ts")
	fs.StringVar(&f.layout.TimeZone, "time-zone", "UTC", "`zone` of times that name none")
	fs.StringVar(&f.layout.Separator, "separator", "", "`character` between cells; empty: found in the first line")
	fs.StringVar(&f.layout.Header, "header", "", "`names` of the columns, separated by commas, for a file without a header line")
	fs.StringVar(&f.layout.Columns, "columns", "", "`name=measurement,…`: rename columns")
	fs.StringVar(&f.layout.Skip, "skip-columns", "", "`names` of columns to leave out, separated by commas")
	return f
}

func (f *flags) run(ctx context.Context, e command.Env) error {
	switch {
	case f.from != "" && f.file == "" && f.device == "":
		return f.rerun(ctx, e)
	case f.from != "" || f.to != "":
		return command.Usage("replay takes either --csv FILE with --device NAME, or --from TIME with --to TIME")
	case f.device == "" || f.file == "":
		return command.Usage("replay needs --device NAME and --csv FILE, or --from TIME")
	}
	pace, err := parseRate(f.rate)
	if err != nil {
		return err
	}
	epoch, err := fingerprint(f.file)
	if err != nil {
		return err
	}
	file, err := os.Open(f.file)
	if err != nil {
		return fmt.Errorf("read recording: %w", err)
	}
	defer func() { _ = file.Close() }()
	rows, err := NewReader(file, f.file, f.layout)
	if err != nil {
		return err
	}
	client, acked, refused, err := f.connect(ctx, e)
	if err != nil {
		return err
	}
	r := &sending{client: client, pace: pace, epoch: epoch, device: f.device, now: e.Now}
	if f.shift {
		r.shiftTo = e.Now()
	}
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- client.Run(connected) }()
	err = r.all(ctx, rows)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	left := client.Drain(drain)
	cancel()
	disconnect()
	gone := <-ended
	if err == nil && gone != nil && left > 0 {
		err = gone
	}
	_, _ = fmt.Fprintf(e.Out, "sent %d rows with %d values, acknowledged %d, refused %d\n", r.rows, r.values, acked.Load(), refused.Load())
	if err == nil && (left > 0 || refused.Load() > 0) {
		return command.Reported()
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// connect makes a client that speaks as the device and counts its acknowledgements.
func (f *flags) connect(ctx context.Context, e command.Env) (client *mqttclient.Client, acked, refused *atomic.Int64, err error) {
	credentials, err := f.access(ctx, e)
	if err != nil {
		return nil, nil, nil, err
	}
	config, err := credentials.TLS()
	if err != nil {
		return nil, nil, nil, err
	}
	acked, refused = &atomic.Int64{}, &atomic.Int64{}
	log := slog.New(slog.NewTextHandler(e.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	client = mqttclient.New(mqttclient.Config{
		Address: f.address, TLS: config, Version: mqttclient.V5, ClientID: f.device, Window: window, Now: e.Now,
		OnAcks: func(acks []mqttclient.Ack) {
			for _, a := range acks {
				if !a.Refused() {
					acked.Add(1)
				} else if refused.Add(1) <= 5 {
					_, _ = fmt.Fprintf(e.Err, "%s: row %d: refused: %s\n", f.file, a.Sequence+1, a.Reason)
				}
			}
		},
	}, log)
	return client, acked, refused, nil
}

// access finds the credentials and, unless it was given, the address.
func (f *flags) access(ctx context.Context, e command.Env) (enrol.Credentials, error) {
	if f.credentials != "" && f.address != "" {
		return enrol.Load(f.credentials)
	}
	api, err := f.api.Dial(e)
	if err != nil {
		return enrol.Credentials{}, err
	}
	if f.address == "" {
		answer, err := api.Tenants.Get(ctx, &tenantv1.GetRequest{})
		if err != nil {
			return enrol.Credentials{}, rpc.Explain(err)
		}
		f.address = answer.GetTenant().GetMqttAddress()
	}
	if f.credentials != "" {
		return enrol.Load(f.credentials)
	}
	credentials, err := enrol.One(ctx, api.Devices, enrol.Device{ID: f.device, Type: f.deviceType})
	if err != nil {
		return enrol.Credentials{}, rpc.Explain(err)
	}
	return credentials, nil
}

// fingerprint names the recording by its content: the epoch of its messages.
func fingerprint(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("read recording: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read recording: %w", err)
	}
	return "file-" + hex.EncodeToString(h.Sum(nil)[:12]), nil
}
