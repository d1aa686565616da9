package client

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

const largestCSR = 16 << 10

func deviceCommands() []command.Command {
	return []command.Command{{
		Name: "device create", Args: "NAME", Summary: "register a device and write its certificate, key and CA",
		Details: "Writes cert.pem, key.pem (for you alone) and ca.pem into --out. With --csr the key stays where it is.",
		Prepare: verb(prepareCreate),
	}, {
		Name: "device list", Summary: "list the devices that a filter chooses",
		Details: "Every condition given must hold. Without --status, retired devices are left out.",
		Prepare: verb(prepareList),
	}, {
		Name: "device get", Args: "NAME", Summary: "show a device and its certificates",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Devices.Get(ctx, &devicev1.GetRequest{DeviceId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printDevice(w, answer.GetDevice()) })
		}),
	}, {
		Name: "device update", Args: "NAME", Summary: "change a device's type, place, labels, notes or firmware",
		Details: "What no flag names stays. Without --version the change is made from the version there is; with it, it is refused when\nsomebody else has changed the device since.",
		Prepare: verb(prepareUpdate),
	}, {
		Name: "device retire", Args: "NAME", Summary: "take a device out of use for good; its certificates are revoked, its history stays",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Devices.Retire(ctx, &devicev1.RetireRequest{DeviceId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printDevice(w, answer.GetDevice()) })
		}),
	}, {
		Name: "device suspend", Args: "NAME", Summary: "refuse a device at the gateway until it is resumed",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Devices.Suspend(ctx, &devicev1.SuspendRequest{DeviceId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printDevice(w, answer.GetDevice()) })
		}),
	}, {
		Name: "device resume", Args: "NAME", Summary: "lift a suspension",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Devices.Resume(ctx, &devicev1.ResumeRequest{DeviceId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printDevice(w, answer.GetDevice()) })
		}),
	}}
}

func certificateCommands() []command.Command {
	return []command.Command{{
		Name: "device certificate", Args: "issue|revoke NAME [SERIAL]", Summary: "issue a further certificate, or revoke one",
		Details: "device certificate issue NAME --out DIR [--csr FILE]\ndevice certificate revoke NAME SERIAL",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			out := fs.String("out", "", "`DIR` for cert.pem, key.pem and ca.pem (issue)")
			csr := fs.String("csr", "", "PEM `FILE` of a certificate signing request; its key is used (issue)")
			return func(ctx context.Context, c *call) error {
				switch {
				case c.args[0] == "issue" && len(c.args) == 2:
					return issue(ctx, c, *out, *csr)
				case c.args[0] == "revoke" && len(c.args) == 3:
					answer, err := c.Devices.RevokeCertificate(ctx, &devicev1.RevokeCertificateRequest{DeviceId: c.args[1], Serial: c.args[2]})
					return c.answer(answer, err, func(w io.Writer) { printDevice(w, answer.GetDevice()) })
				}
				return command.Usage("device certificate: want `issue NAME --out DIR` or `revoke NAME SERIAL`")
			}
		}),
	}}
}

func prepareCreate(fs *flag.FlagSet) func(context.Context, *call) error {
	deviceType := fs.String("type", "", "device type, e.g. vibration_sensor (required)")
	place := &devicev1.Location{}
	fs.StringVar(&place.Facility, "facility", "", "where it stands")
	fs.StringVar(&place.Line, "line", "", "where it stands")
	fs.StringVar(&place.Station, "station", "", "where it stands")
	out := fs.String("out", "", "`DIR` for cert.pem, key.pem and ca.pem (required)")
	csr := fs.String("csr", "", "PEM `FILE` of a certificate signing request; its key is used")
	labels, metadata := pairs{}, pairs{}
	fs.Var(labels, "label", "`KEY=VALUE` to find it by; may be repeated")
	fs.Var(metadata, "metadata", "`KEY=VALUE` of a note; may be repeated")
	firmware := fs.String("firmware", "", "the version of its software")
	return func(ctx context.Context, c *call) error {
		if *deviceType == "" || *out == "" {
			return command.Usage("device create: --type and --out are required")
		}
		request, err := readCSR(*csr)
		if err != nil {
			return err
		}
		if err := prepareFolder(*out); err != nil {
			return err
		}
		answer, err := c.Devices.Create(ctx, &devicev1.CreateRequest{
			DeviceId: c.args[0], DeviceType: *deviceType, Location: place, CsrPem: request, Labels: labels, Metadata: metadata, Firmware: *firmware,
		})
		if err != nil {
			return rpc.Explain(err)
		}
		if err := writeCredentials(*out, answer.GetCredentials()); err != nil {
			return err
		}
		if answer.GetCredentials() != nil {
			answer.Credentials.PrivateKeyPem = "" // it is in its file and nowhere else
		}
		return c.answer(answer, nil, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "created %s, certificate %s in %s\n", answer.GetDevice().GetDeviceId(), answer.GetCredentials().GetSerial(), *out)
		})
	}
}

func issue(ctx context.Context, c *call, out, csr string) error {
	if out == "" {
		return command.Usage("device certificate issue: --out is required")
	}
	request, err := readCSR(csr)
	if err != nil {
		return err
	}
	if err := prepareFolder(out); err != nil {
		return err
	}
	answer, err := c.Devices.IssueCertificate(ctx, &devicev1.IssueCertificateRequest{DeviceId: c.args[1], CsrPem: request})
	if err != nil {
		return rpc.Explain(err)
	}
	if err := writeCredentials(out, answer.GetCredentials()); err != nil {
		return err
	}
	if answer.GetCredentials() != nil {
		answer.Credentials.PrivateKeyPem = ""
	}
	return c.answer(answer, nil, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "certificate %s in %s\n", answer.GetCredentials().GetSerial(), out)
	})
}

func readCSR(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return "", fmt.Errorf("read the signing request: %w", err)
	}
	if len(text) > largestCSR {
		return "", command.Usage("--csr %s has %d bytes, at most %d are taken", path, len(text), largestCSR)
	}
	return string(text), nil
}

// prepareFolder makes sure, before anything is created at the server, that the credentials can be written.
func prepareFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder for the credentials: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("write to the folder for the credentials: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func writeCredentials(dir string, credentials *devicev1.Credentials) error {
	files := []struct {
		name, text string
		mode       os.FileMode
	}{
		{"cert.pem", credentials.GetCertificatePem(), 0o644},
		{"key.pem", credentials.GetPrivateKeyPem(), 0o600},
		{"ca.pem", credentials.GetCaPem(), 0o644},
	}
	for _, f := range files {
		if f.text == "" {
			continue // the key of a signing request
		}
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
			return fmt.Errorf("write the credentials: %w", err)
		}
		if err := os.Chmod(path, f.mode); err != nil { // a file that was there keeps its own mode
			return fmt.Errorf("write the credentials: %w", err)
		}
	}
	return nil
}

func printDevice(w io.Writer, d *devicev1.Device) {
	table(w, "FIELD VALUE", func(row func(...any)) {
		row("device", d.GetDeviceId())
		row("type", d.GetDeviceType())
		row("status", word(d.GetStatus(), "DEVICE_STATUS_"))
		row("facility", d.GetLocation().GetFacility())
		row("line", d.GetLocation().GetLine())
		row("station", d.GetLocation().GetStation())
		row("firmware", d.GetFirmware())
		for _, key := range slices.Sorted(maps.Keys(d.GetLabels())) {
			row("label", key+"="+d.GetLabels()[key])
		}
		for _, key := range slices.Sorted(maps.Keys(d.GetMetadata())) {
			row("metadata", key+"="+d.GetMetadata()[key])
		}
		row("version", d.GetVersion())
		row("created", at(d.GetCreatedAt()))
		for _, cert := range d.GetCertificates() {
			row("certificate", fmt.Sprintf("%s %s until %s", cert.GetSerial(), word(cert.GetStatus(), "CERTIFICATE_STATUS_"), at(cert.GetNotAfter())))
		}
	})
}
