// Package device is the noun of a thing that sends telemetry, and of its certificates. rpc and postgres import it; it
// imports no vendor and no generated code.
package device

import (
	"context"
	"crypto"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Status says whether the gateway admits a device.
type Status string

// The statuses.
const (
	StatusActive    Status = "active"
	StatusSuspended Status = "suspended"
	// StatusRetired is for good.
	StatusRetired Status = "retired"
)

// Location is where a device stands.
type Location struct {
	Facility string `json:"facility,omitempty"`
	Line     string `json:"line,omitempty"`
	Station  string `json:"station,omitempty"`
}

// Device is a thing that sends telemetry.
type Device struct {
	ID       string   `json:"device_id"`
	Type     string   `json:"device_type"`
	Status   Status   `json:"status"`
	Location Location `json:"location"`
	// Labels are short words to find and group devices by, Metadata notes.
	Labels   map[string]string `json:"labels,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	// Firmware is the version of its software, where somebody has entered it.
	Firmware string `json:"firmware,omitempty"`
	// Version rises with every change of what people know of the device.
	Version      int64         `json:"version"`
	CreatedAt    time.Time     `json:"created_at"`
	UpdatedAt    time.Time     `json:"updated_at,omitzero"`
	RetiredAt    time.Time     `json:"retired_at,omitzero"`
	Certificates []Certificate `json:"certificates,omitempty"`
}

// Credentials are what a device needs to connect, all PEM.
type Credentials struct {
	// Certificate is the leaf followed by the tenant's intermediate.
	Certificate string
	// PrivateKey is empty when the caller brought the key.
	PrivateKey string
	// CA is the platform's root.
	CA          string
	Description Certificate
}

// Issuer signs device certificates.
type Issuer interface {
	// IssueDevice signs for the key of csrPEM, or for a new key when that is empty.
	IssueDevice(ctx context.Context, tenant tenancy.ID, device, csrPEM string, intermediate, sealedKey []byte) (Credentials, error)
	// AcceptableKey refuses a public key that is weak or of a kind that devices and gateways do not share.
	AcceptableKey(key crypto.PublicKey) error
}
