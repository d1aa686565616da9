package rpc

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/bulk"
	"github.com/millwright-io/millwright/controlplane/internal/job"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/rpc"
)

// Bulk implements BulkServiceHandler.
type Bulk struct{ Bulk *bulk.Service }

// shownErrors is how many wrong rows an answer has.
const shownErrors = 100

// Import registers the devices of a file.
func (s *Bulk) Import(ctx context.Context, req *devicev1.ImportRequest) (*devicev1.ImportResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	i, err := s.Bulk.Import(ctx, p, req.GetCsv(), req.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	res := &devicev1.ImportResponse{Rows: int32(i.Rows), BadRows: int32(len(i.Bad)), Columns: i.Columns} //nolint:gosec // bounded
	if i.Job != nil {
		res.Job = jobToProto(*i.Job)
	}
	for _, bad := range i.Bad[:min(len(i.Bad), shownErrors)] {
		res.Errors = append(res.Errors, itemErrorToProto(bad))
	}
	return res, nil
}

var bulkActions = map[devicev1.BulkAction]bulk.Action{
	devicev1.BulkAction_BULK_ACTION_SUSPEND:             bulk.ActionSuspend,
	devicev1.BulkAction_BULK_ACTION_RESUME:              bulk.ActionResume,
	devicev1.BulkAction_BULK_ACTION_RETIRE:              bulk.ActionRetire,
	devicev1.BulkAction_BULK_ACTION_LABEL:               bulk.ActionLabel,
	devicev1.BulkAction_BULK_ACTION_ISSUE_CERTIFICATE:   bulk.ActionIssueCertificate,
	devicev1.BulkAction_BULK_ACTION_REVOKE_CERTIFICATES: bulk.ActionRevokeCertificates,
}

// Act does one thing to every device of a selection.
func (s *Bulk) Act(ctx context.Context, req *devicev1.ActRequest) (*devicev1.ActResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	order := bulk.Order{Action: bulkActions[req.GetAction()], SetLabels: req.GetSetLabels(), RemoveLabels: req.GetRemoveLabels()}
	j, err := s.Bulk.Act(ctx, p, order, bulk.Selection{Devices: req.GetDeviceIds(), Group: req.GetGroupId(), Query: req.GetQuery()})
	if err != nil {
		return nil, err
	}
	return &devicev1.ActResponse{Job: jobToProto(j)}, nil
}

// downloadTimeout bounds how long a slow reader may hold what is taken.
const downloadTimeout = 2 * time.Minute

// bundleWriter writes credentials in one form.
type bundleWriter interface {
	add(device string, b bulk.Bundle) error
	close() error
}

// JobCredentials answers with what a job made for its owner, once. A download that breaks off leaves it in its place, and
// ends in the middle of the response, so that it is not taken for whole.
func JobCredentials(jobs *job.Service, rootPEM string, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		p, err := caller(ctx)
		if err != nil {
			rpc.WriteError(ctx, w, err)
			return
		}
		form := r.URL.Query().Get("format")
		if form != "zip" && form != "ndjson" {
			rpc.WriteError(ctx, w, fmt.Errorf("format %q: want zip or ndjson: %w", form, tenancy.ErrInvalid))
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(downloadTimeout)) // not every test has a connection
		var out bundleWriter
		begin := func() {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Content-Disposition", `attachment; filename="credentials.`+form+`"`)
			if form == "ndjson" {
				w.Header().Set("Content-Type", "application/x-ndjson")
				out = &ndjsonBundle{json.NewEncoder(w), rootPEM}
				return
			}
			w.Header().Set("Content-Type", "application/zip")
			out = &zipBundle{zip.NewWriter(w), rootPEM}
		}
		err = jobs.Take(ctx, p, r.PathValue("job_id"), func(device string, result []byte) error {
			if out == nil {
				begin()
			}
			var b bulk.Bundle
			if err := json.Unmarshal(result, &b); err != nil {
				return fmt.Errorf("read credentials of %s: %w", device, err)
			}
			return out.add(device, b)
		}, func() error {
			if out == nil {
				return fmt.Errorf("the job has nothing to take: %w", tenancy.ErrConflict)
			}
			return errors.Join(out.close(), http.NewResponseController(w).Flush())
		})
		switch {
		case err == nil:
		case out == nil:
			rpc.WriteError(ctx, w, err)
		default:
			log.ErrorContext(ctx, "download of credentials broke off", slog.Any("error", err))
			panic(http.ErrAbortHandler) //nolint:forbidigo // the one way to break off an HTTP response
		}
	})
}

type ndjsonBundle struct {
	out  *json.Encoder
	root string
}

func (n *ndjsonBundle) add(device string, b bulk.Bundle) error {
	return n.out.Encode(struct {
		Device string `json:"device_id"`
		bulk.Bundle
		CA string `json:"ca_pem"`
	}{device, b, n.root})
}

func (n *ndjsonBundle) close() error { return nil }

type zipBundle struct {
	out  *zip.Writer
	root string
}

func (z *zipBundle) add(device string, b bulk.Bundle) error {
	if err := z.file(device+"/cert.pem", b.Certificate); err != nil || b.PrivateKey == "" {
		return err
	}
	return z.file(device+"/key.pem", b.PrivateKey)
}

func (z *zipBundle) file(name, text string) error {
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(0o600)
	f, err := z.out.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return err
}

func (z *zipBundle) close() error {
	if err := z.file("ca.pem", z.root); err != nil {
		return err
	}
	return z.out.Close()
}
