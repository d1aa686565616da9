package tenant

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// Units are those of the console's charts.
type Units string

// The units.
const (
	UnitsMetric   Units = "metric"
	UnitsImperial Units = "imperial"
)

// Severity is how much an alert matters.
type Severity string

// The severities.
const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityCritical Severity = "critical"
)

// Settings are what an admin decides for the whole tenant.
type Settings struct {
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"`
	Units    Units  `json:"units"`
	// RetentionDays is how long events are kept, the others how long the minutes and hours made of them are; 0 for as long as the plan allows.
	RetentionDays       int      `json:"retention_days"`
	MinuteRetentionDays int      `json:"minute_retention_days"`
	HourRetentionDays   int      `json:"hour_retention_days"`
	AlertRecipients     []string `json:"alert_recipients"`
	AlertSeverity       Severity `json:"alert_severity"`
	// Version rises with every change.
	Version int64 `json:"version"`
}

// SettingsConflict says that somebody else changed the settings first. It is an ErrConflict.
type SettingsConflict struct{ Yours, Current Settings }

func (e *SettingsConflict) Error() string {
	return fmt.Sprintf("the settings were changed meanwhile: they are of version %d, you read version %d: look at both, then save again",
		e.Current.Version, e.Yours.Version)
}

// Unwrap makes it an ErrConflict.
func (*SettingsConflict) Unwrap() error { return tenancy.ErrConflict }

const (
	// longestName bounds an organisation's name in characters.
	longestName   = 80
	maxRecipients = tenancy.MaxAlertRecipients
)

// check returns the settings in their one form.
func (s Settings) check(plan Plan) (Settings, error) {
	var err error
	if s.Name, err = name.Required("name", s.Name, longestName); err != nil {
		return s, err
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "" || s.TimeZone == "Local" {
		return s, fmt.Errorf("time_zone %q: want a name of the IANA database, e.g. Europe/Berlin: %w", s.TimeZone, tenancy.ErrInvalid)
	}
	if err := s.checkRetention(plan); err != nil {
		return s, err
	}
	recipients := make([]string, 0, len(s.AlertRecipients))
	for _, r := range s.AlertRecipients {
		if r = tenancy.NormalizeEmail(r); !slices.Contains(recipients, r) {
			recipients = append(recipients, r)
		}
	}
	if len(recipients) > maxRecipients {
		return s, &tenancy.LimitError{Limit: tenancy.LimitAlertRecipients, Scope: tenancy.ScopeTenant, Current: int64(len(recipients)), Maximum: maxRecipients}
	}
	s.AlertRecipients = recipients
	return s, nil
}

// checkRetention refuses what the plan does not allow, and windows that would go before what they are made of.
func (s Settings) checkRetention(plan Plan) error {
	for _, of := range []struct {
		limit      string
		days, most int
	}{
		{tenancy.LimitRetentionDays, s.RetentionDays, plan.Kept.Events},
		{tenancy.LimitMinuteRetentionDays, s.MinuteRetentionDays, plan.Kept.Minutes},
		{tenancy.LimitHourRetentionDays, s.HourRetentionDays, plan.Kept.Hours},
	} {
		if of.days < 0 || of.days > of.most {
			return &tenancy.LimitError{Limit: of.limit, Scope: "plan " + plan.Name, Current: int64(of.days), Maximum: int64(of.most)}
		}
	}
	kept := s.kept(plan.Kept)
	if kept.Minutes < kept.Events {
		return fmt.Errorf("minute_retention_days %d: events are kept for %d days: want as many or more, or keep events for less: %w", kept.Minutes, kept.Events, tenancy.ErrInvalid)
	}
	if kept.Hours < kept.Minutes {
		return fmt.Errorf("hour_retention_days %d: minutes are kept for %d days: want as many or more, or keep minutes for less: %w", kept.Hours, kept.Minutes, tenancy.ErrInvalid)
	}
	return nil
}

// kept is how long telemetry is kept in a plan that allows so much.
func (s Settings) kept(most tenancy.Kept) tenancy.Kept {
	of := func(days, most int) int {
		if days > 0 && days < most {
			return days
		}
		return most
	}
	return tenancy.Kept{
		Events: of(s.RetentionDays, most.Events), Minutes: of(s.MinuteRetentionDays, most.Minutes), Hours: of(s.HourRetentionDays, most.Hours),
	}
}

// UpdateSettings replaces the settings that were read as s.Version; a *SettingsConflict when they are no longer those.
func (s *Service) UpdateSettings(ctx context.Context, p tenancy.Principal, settings Settings) (Settings, error) {
	t, err := s.store.Tenant(ctx, p.Tenant)
	if err != nil {
		return Settings{}, err
	}
	plan, err := planOf(s.plans, t.Plan)
	if err != nil {
		return Settings{}, err
	}
	if settings, err = settings.check(plan); err != nil {
		return Settings{}, err
	}
	if t.Settings.Version != settings.Version {
		return Settings{}, &SettingsConflict{Yours: settings, Current: t.Settings}
	}
	after := settings
	after.Version++
	e := audit.Of(ctx, p, s.now(), object(p.Tenant)+"/settings", after).From(t.Settings)
	return s.store.UpdateSettings(ctx, p.Tenant, settings, e)
}
