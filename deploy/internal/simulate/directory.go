package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/millwright-io/millwright/deploy/internal/durable"
	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/plant"
)

// DeviceFile is device.json beside a device's credentials: which device of the plant it is.
type DeviceFile struct {
	DeviceID   string `json:"device_id"`
	DeviceType string `json:"device_type"`
	// Index is the device's place in plant.New.
	Index    int    `json:"index"`
	Facility string `json:"facility"`
	Line     string `json:"line"`
	Station  string `json:"station"`
}

const (
	deviceFile = "device.json"
	// maxDevices bounds how many devices one process plays.
	maxDevices = 10000
)

// WriteDevice writes dir/<device id>/{cert,key,ca}.pem and device.json, for ReadMembers. device.json comes last: a
// directory without it is not a device yet.
func WriteDevice(dir string, d DeviceFile, certPEM, keyPEM, caPEM []byte) error {
	dir = filepath.Join(dir, d.DeviceID)
	if err := (enrol.Credentials{Certificate: certPEM, Key: keyPEM, Root: caPEM}).Save(dir); err != nil {
		return err
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("write device %s: %w", d.DeviceID, err)
	}
	if err := durable.WriteFile(filepath.Join(dir, deviceFile), append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write device %s: %w", d.DeviceID, err)
	}
	return nil
}

// ReadMembers reads every device that WriteDevice wrote into dir.
func ReadMembers(dir string, seed uint64) ([]Member, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	var files []DeviceFile
	size := 0
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name(), deviceFile))
		if errors.Is(err, fs.ErrNotExist) || !e.IsDir() {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read devices: %w", err)
		}
		var f DeviceFile
		if err := json.Unmarshal(b, &f); err != nil {
			return nil, fmt.Errorf("read devices: %s/%s: %w", e.Name(), deviceFile, err)
		}
		if f.DeviceID == "" || f.Index < 0 || f.Index >= maxDevices {
			return nil, fmt.Errorf("read devices: %s/%s: want a device_id and an index below %d", e.Name(), deviceFile, maxDevices)
		}
		files, size = append(files, f), max(size, f.Index+1)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read devices: %s has no folder with a %s", dir, deviceFile)
	}
	signals := plant.New(seed, size)
	members := make([]Member, len(files))
	for i, f := range files {
		c, err := enrol.Load(filepath.Join(dir, f.DeviceID))
		if err != nil {
			return nil, err
		}
		s := signals[f.Index]
		if f.Facility != "" {
			s.Facility, s.Line, s.Station = f.Facility, f.Line, f.Station
		}
		members[i] = Member{ID: f.DeviceID, Signals: s, Credentials: c, Dir: filepath.Join(dir, f.DeviceID)}
	}
	return members, nil
}
