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
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("Content-Disposition", `attachment; filename="audit.ndjson"`)
		for number, more := int64(0), true; more; {
			list, err := reader.AuditAfter(ctx, p.Tenant, number, exportPage)
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
	})
}
