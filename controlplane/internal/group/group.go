// Package group is the noun of a set of devices, made by hand or by a query, and of what its devices are held to. rpc,
// postgres, cel and distribute import it; it imports no vendor and no generated code.
package group

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

// Group is a set of devices.
type Group struct {
	ID   string `json:"group_id"`
	Name string `json:"name"`
	// Query finds the members; empty: they are added by hand.
	Query  string `json:"query,omitempty"`
	Policy Policy `json:"policy"`
	// Members is how many devices it has.
	Members int `json:"-"`
	// Version rises with every change of name, query and policy.
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Policy is what the devices of a group are held to. Its zero value holds them to nothing.
type Policy struct {
	// Topics are MQTT filters; none: every topic.
	Topics []string `json:"topics,omitempty"`
	// PayloadBytes and EventsPerSecond are 0 where nothing is set; EventsPerSecond is that of all devices together.
	PayloadBytes    int32 `json:"payload_bytes,omitempty"`
	EventsPerSecond int32 `json:"events_per_second,omitempty"`
	// Commands are the only ones allowed, if CommandsLimited.
	Commands        []string `json:"commands,omitempty"`
	CommandsLimited bool     `json:"commands_limited,omitempty"`
}

// Query decides about devices.
type Query interface {
	// Matches is false too for a device that lacks what the query needs.
	Matches(d device.Device) bool
}

// Queries reads queries. Its errors are ErrInvalid, with the place and the reason.
type Queries interface {
	Compile(text string) (Query, error)
}

// Found is what a query finds.
type Found struct {
	// First are the first ids.
	First           []string
	Matching, Total int
}

// ErrStale is a store's refusal of a change that is not from the version there is.
var ErrStale = fmt.Errorf("the version is not the one there is: %w", tenancy.ErrConflict)

// StaleError refuses a change that was made from an older version than there is. It is an ErrConflict.
type StaleError struct {
	// Current is the group as it is, Yours as the refused change would have made it.
	Current, Yours Group
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("group %s has been changed since version %d and is at version %d now: look at both and save again",
		e.Current.ID, e.Yours.Version, e.Current.Version)
}

// Unwrap makes a StaleError an ErrConflict.
func (e *StaleError) Unwrap() error { return tenancy.ErrConflict }

// Store keeps groups. Every change writes its audit entry and its outbox rows in the same transaction; it works out anew
// who is in a group with a query.
type Store interface {
	// InsertGroup fails with a *tenancy.LimitError when the tenant has as many groups as it may.
	InsertGroup(ctx context.Context, id tenancy.ID, g Group, e audit.Entry) error
	Group(ctx context.Context, id tenancy.ID, group string) (Group, error)
	Device(ctx context.Context, id tenancy.ID, device string) (device.Device, error)
	// Groups returns all by id, or those of a device unless that is empty.
	Groups(ctx context.Context, id tenancy.ID, device string) ([]Group, error)
	// UpdateGroup fails with ErrStale unless the group is at the version before g's.
	UpdateGroup(ctx context.Context, id tenancy.ID, g Group, e audit.Entry) error
	// DeleteGroup fails with ErrConflict while a gateway speaks for the group.
	DeleteGroup(ctx context.Context, id tenancy.ID, group string, e audit.Entry) error
	// ChangeMembers adds and removes all or none.
	ChangeMembers(ctx context.Context, id tenancy.ID, group string, add, remove []string, e audit.Entry) error
	// GroupMembers returns a page of device ids, of those facilities if any are named.
	GroupMembers(ctx context.Context, id tenancy.ID, group, after string, facilities []string, limit int) ([]string, error)
	// Find tells what a query finds, with its first ids.
	Find(ctx context.Context, id tenancy.ID, q Query, first int) (Found, error)
}

// checkPolicy refuses filters that MQTT does not know.
func checkPolicy(p Policy) error {
	for _, filter := range p.Topics {
		levels := strings.Split(filter, "/")
		for i, level := range levels {
			if strings.ContainsAny(level, "+#") && level != "+" && (level != "#" || i < len(levels)-1) {
				return fmt.Errorf("policy.topics: %q is no topic filter: + stands for a whole level, and # for all levels at the end: %w", filter, tenancy.ErrInvalid)
			}
			if strings.ContainsFunc(level, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return fmt.Errorf("policy.topics: %q has a control character: %w", filter, tenancy.ErrInvalid)
			}
		}
	}
	return nil
}
