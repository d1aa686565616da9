package certificate

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

// Template describes devices that are made when they first enrol.
type Template struct {
	ID         string            `json:"template_id"`
	Name       string            `json:"name"`
	DeviceType string            `json:"device_type"`
	Location   device.Location   `json:"location"`
	Labels     map[string]string `json:"labels,omitempty"`
	// IDPattern is RE2; the whole device id must match.
	IDPattern  string `json:"id_pattern"`
	MaxDevices int    `json:"max_devices"`
	// Devices is how many it has made.
	Devices   int       `json:"-"`
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
}

const (
	// longestName bounds the name of a template or a CA in characters.
	longestName = 80
	// maxTemplates bounds a tenant's templates, and its open claim tokens and CAs likewise.
	maxTemplates   = tenancy.MaxProvisioningTemplates
	maxClaims      = tenancy.MaxClaimTokens
	maxAuthorities = tenancy.MaxAuthorities
)

// pattern makes the whole id match.
func pattern(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`^(?:` + text + `)$`)
	if err != nil {
		return nil, fmt.Errorf("id_pattern %q: it is no regular expression (RE2): %w", text, tenancy.ErrInvalid)
	}
	return re, nil
}

// device is what the template makes of an id.
func (t Template) device(id string, now time.Time) (device.Device, error) {
	re, err := pattern(t.IDPattern)
	if err != nil {
		return device.Device{}, err
	}
	if !tenancy.IsName(id) {
		return device.Device{}, fmt.Errorf("device id %q: want 1 to 63 letters, digits, _ or -, beginning with a letter or digit: %w", short(id), tenancy.ErrInvalid)
	}
	if !re.MatchString(id) {
		return device.Device{}, fmt.Errorf("device id %q does not match %q of the template %s: %w", id, t.IDPattern, t.Name, tenancy.ErrForbidden)
	}
	return device.Device{ID: id, Type: t.DeviceType, Status: device.StatusActive, Location: t.Location, Labels: t.Labels, Version: 1, CreatedAt: now}, nil
}

// short bounds what a stranger wrote before it is repeated.
func short(text string) string {
	if len(text) > 80 {
		text = strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
