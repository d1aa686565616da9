// Package certificate is the noun of the tenant's inventory of device certificates, and of the ways in which devices get
// them by themselves: claim tokens and provisioning templates, renewal, and CAs of the tenant's own. rpc, est and postgres
// import it; it imports no vendor and no generated code.
package certificate

import (
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/device"
)

// Entry is a certificate with the device it belongs to.
type Entry struct {
	Device string
	device.Certificate
	// Status is that of the moment it was read.
	Status device.CertificateStatus
}

// Filter chooses entries; its zero value chooses all.
type Filter struct {
	Status        device.CertificateStatus
	ExpiresBefore time.Time
	DevicePrefix  string
	Authority     string
	// Facilities whose devices' certificates are asked for; none: all.
	Facilities []string
}

// Place is where a page begins: behind the certificate of that end and serial.
type Place struct {
	NotAfter time.Time
	Serial   string
}

// Overview is what one looks at first.
type Overview struct {
	Counts map[device.CertificateStatus]int
	// Expiry counts what devices depend on, by the day it ends.
	Expiry []Day
}

// Day counts the certificates that end on a day, 2006-01-02.
type Day struct {
	Day   string
	Count int
}

// Selection chooses certificates to revoke: what is given must all hold.
type Selection struct {
	Serials        []string `json:"serials,omitempty"`
	Devices        []string `json:"device_ids,omitempty"`
	Type           string   `json:"device_type,omitempty"`
	Facility       string   `json:"facility,omitempty"`
	Line           string   `json:"line,omitempty"`
	Group          string   `json:"group_id,omitempty"`
	SupersededOnly bool     `json:"superseded_only,omitempty"`
	// Facilities bound what the caller may revoke; none: no bound.
	Facilities []string `json:"facilities,omitempty"`
}

// Empty reports whether nothing was given, which would choose everything.
func (s Selection) Empty() bool {
	return len(s.Serials) == 0 && len(s.Devices) == 0 && s.Type == "" && s.Facility == "" && s.Line == "" && s.Group == "" && !s.SupersededOnly
}
