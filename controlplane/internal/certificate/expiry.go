package certificate

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// warnEvery is how often ends are looked at.
const warnEvery = time.Hour

// Warning tells of certificates that end within a time and that nothing has renewed.
type Warning struct {
	// Days is 14, 7 or 1; certificates that live for less than 47 days are told of with three tenths of their life left at
	// the earliest, so that a device that renews in time is no news.
	Days    int `json:"days"`
	Entries []Entry
}

// WarningStore finds what ends.
type WarningStore interface {
	// Tenants returns every tenant's id.
	Tenants(ctx context.Context) ([]tenancy.ID, error)
	// Warn notes that a tenant is warned of what has come nearer to its end, each certificate once for each of the three
	// times, and queues the e-mails to its owners and admins, in one transaction with the audit entry.
	Warn(ctx context.Context, id tenancy.ID, now time.Time, tell func(organisation string, w Warning) (subject, text string, e audit.Entry)) error
}

// Warden warns of certificates that end.
type Warden struct {
	store  WarningStore
	origin string
	log    *slog.Logger
	now    func() time.Time
}

// NewWarden returns a warden whose e-mails lead to the console at origin.
func NewWarden(store WarningStore, origin string, log *slog.Logger, now func() time.Time) *Warden {
	return &Warden{store: store, origin: origin, log: log, now: now}
}

// Run looks at once and then every hour until ctx is done.
func (w *Warden) Run(ctx context.Context) error {
	tick := time.NewTicker(warnEvery)
	defer tick.Stop()
	for {
		if err := w.Look(ctx); err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "cannot look at the ends of certificates", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look warns every tenant of what has come nearer to its end.
func (w *Warden) Look(ctx context.Context) error {
	tenants, err := w.store.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, id := range tenants {
		now := w.now().UTC()
		err := w.store.Warn(ctx, id, now, func(organisation string, warning Warning) (string, string, audit.Entry) {
			subject, text := w.letter(organisation, warning, now)
			e := audit.Of(ctx, tenancy.Principal{Tenant: id, Actor: audit.System}, now, "certificates", map[string]any{
				"ends_within_days": warning.Days, "certificates": len(warning.Entries), "first": first(warning),
			})
			e.Action = "warn of expiry"
			return subject, text, e
		})
		if err != nil {
			return fmt.Errorf("warn tenant %s: %w", id, err)
		}
	}
	return nil
}

// first is the device whose certificate ends first.
func first(w Warning) string { return w.Entries[0].Device }

// listed bounds the certificates in an e-mail.
const listed = 20

func (w *Warden) letter(organisation string, warning Warning, now time.Time) (subject, text string) {
	days := fmt.Sprintf("%d days", warning.Days)
	if warning.Days == 1 {
		days = "a day"
	}
	noun := "certificates end"
	if len(warning.Entries) == 1 {
		noun = "certificate ends"
	}
	subject = fmt.Sprintf("%s: %d %s within %s", organisation, len(warning.Entries), noun, days)
	var b strings.Builder
	fmt.Fprintf(&b, "%d device %s within %s, and nothing has renewed what they are for:\n\n", len(warning.Entries), noun, days)
	for i, e := range warning.Entries {
		if i == listed {
			fmt.Fprintf(&b, "… and %d more\n", len(warning.Entries)-listed)
			break
		}
		fmt.Fprintf(&b, "%s  %s  (in %s)\n", e.Device, e.NotAfter.UTC().Format(time.RFC3339), e.NotAfter.Sub(now).Round(time.Minute))
	}
	fmt.Fprintf(&b, "\nA device whose certificate has ended is refused. All certificates:\n\n%s/settings/certificates\n\nYou get this because you are an owner or admin.\n", w.origin)
	return subject, b.String()
}
