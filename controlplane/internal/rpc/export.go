package rpc

import (
	"context"
	"log/slog"
	"net/http"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/rpc"
)

// AuditReader reads the audit log from its beginning.
type AuditReader interface {
	// AuditAfter returns entries with numbers above number, oldest first.
	AuditAfter(ctx context.Context, id tenancy.ID, number int64, limit int) ([]audit.Entry, error)
}

// exportPage is how many entries are in memory at once.
const exportPage = 1000

// AuditLine is an entry as a line of an export.
func AuditLine(e audit.Entry) ([]byte, error) {
	line, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(auditToProto(e))
	return append(line, '\n'), err
}

// ExportAudit answers with the caller's audit log, one JSON object of the form of millwright.audit.v1.Entry a line,
// oldest first. A log that ends with an error ends in the middle of the HTTP response, so that it is not taken for whole.
func ExportAudit(reader AuditReader, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		p, err := caller(ctx)
		if err != nil {
			rpc.WriteError(ctx, w, err)
			return
		}
		exportAudit(ctx, w, "audit.ndjson", log, func(number int64) ([]audit.Entry, error) {
			return reader.AuditAfter(ctx, p.Tenant, number, exportPage)
		})
	})
}

// PlatformAuditReader reads the platform's audit log from its beginning.
type PlatformAuditReader interface {
	// PlatformAuditAfter returns entries with numbers above number, oldest first.
	PlatformAuditAfter(ctx context.Context, number int64, limit int) ([]audit.Entry, error)
}

// ExportPlatformAudit answers with the platform's audit log as ExportAudit does with a tenant's.
func ExportPlatformAudit(reader PlatformAuditReader, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exportAudit(r.Context(), w, "platform-audit.ndjson", log, func(number int64) ([]audit.Entry, error) {
			return reader.PlatformAuditAfter(r.Context(), number, exportPage)
		})
	})
}

// exportAudit writes what after returns, a page at a time.
func exportAudit(ctx context.Context, w http.ResponseWriter, name string, log *slog.Logger, after func(number int64) ([]audit.Entry, error)) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	for number, more := int64(0), true; more; {
		list, err := after(number)
		if err != nil {
			log.ErrorContext(ctx, "export of the audit log broke off", slog.Any("error", err))
			panic(http.ErrAbortHandler) //nolint:forbidigo // the one way to break off an HTTP response
		}
		more = len(list) == exportPage
		for _, e := range list {
			number = e.ID
			line, err := AuditLine(e)
			if err != nil {
				panic(http.ErrAbortHandler) //nolint:forbidigo // as above
			}
			if _, err := w.Write(line); err != nil {
				return // the reader went away
			}
		}
	}
}
