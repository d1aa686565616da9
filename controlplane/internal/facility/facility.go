// Package facility is the noun of the places that devices stand at: facilities, lines, stations. rpc and postgres import
// it; it imports no vendor and no generated code.
package facility

import (
	"fmt"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// Kind says at which level of the tree a place is.
type Kind string

// The kinds, from the top.
const (
	KindFacility Kind = "facility"
	KindLine     Kind = "line"
	KindStation  Kind = "station"
)

// inside is what a place of a kind may have in it.
func (k Kind) inside() Kind {
	switch k {
	case "":
		return KindFacility
	case KindFacility:
		return KindLine
	case KindLine:
		return KindStation
	case KindStation:
	}
	return ""
}

// Coordinates are degrees of WGS 84.
type Coordinates struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// Place is a facility, a line or a station.
type Place struct {
	ID   string `json:"place_id"`
	Kind Kind   `json:"kind"`
	// Parent is empty for a facility.
	Parent      string       `json:"parent_id,omitempty"`
	Name        string       `json:"name"`
	Coordinates *Coordinates `json:"coordinates,omitempty"`
	Version     int64        `json:"version"`
	CreatedAt   time.Time    `json:"-"`
	// Path are the names from the facility down to this place.
	Path []string `json:"-"`
	// Devices in use stand here or in what is in it.
	Devices int `json:"-"`
}

// Most bounds a tenant's places: more than its plants have, few enough to show as one tree.
const Most = tenancy.MaxPlaces

const longestName = 64

func (p Place) check() error {
	if p.Name == "" {
		return fmt.Errorf("name: a %s has one: %w", p.Kind, tenancy.ErrInvalid)
	}
	if err := name.Check("name", p.Name, longestName); err != nil {
		return err
	}
	if c := p.Coordinates; c != nil && (c.Latitude < -90 || c.Latitude > 90 || c.Longitude < -180 || c.Longitude > 180) {
		return fmt.Errorf("coordinates %v, %v: want a latitude from -90 to 90 and a longitude from -180 to 180: %w", c.Latitude, c.Longitude, tenancy.ErrInvalid)
	}
	return nil
}

// Tree is every place by its id.
type Tree map[string]Place

// within reports whether a place is another, or in it.
func (t Tree) within(place, other string) bool {
	for steps := 0; place != "" && steps < 4; steps++ {
		if place == other {
			return true
		}
		place = t[place].Parent
	}
	return false
}
