package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

const updateSettings = `
update tenants set name = @name, time_zone = @time_zone, units = @units, retention_days = @retention_days,
  minute_retention_days = @minute_retention_days, hour_retention_days = @hour_retention_days,
  alert_recipients = @alert_recipients, alert_severity = @alert_severity, settings_version = settings_version + 1, revision = revision + 1
where id = @id and settings_version = @version`

// UpdateSettings implements tenant.Store.
func (s *Store) UpdateSettings(ctx context.Context, id tenancy.ID, to tenant.Settings, e audit.Entry) (tenant.Settings, error) {
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, updateSettings, pgx.NamedArgs{
			"id": id, "version": to.Version, "name": to.Name, "time_zone": to.TimeZone, "units": to.Units,
			"retention_days": to.RetentionDays, "minute_retention_days": to.MinuteRetentionDays, "hour_retention_days": to.HourRetentionDays,
			"alert_recipients": texts(to.AlertRecipients), "alert_severity": to.AlertSeverity,
		})
		if err != nil {
			return fmt.Errorf("update settings: %w", err)
		}
		t, err := s.tenant(ctx, tx, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return &tenant.SettingsConflict{Yours: to, Current: t.Settings}
		}
		to = t.Settings
		if err := announce(ctx, tx, id, distribute.KindTenant, ""); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	if err != nil {
		return tenant.Settings{}, err
	}
	s.wake()
	return to, nil
}
