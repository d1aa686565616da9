package up

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/millwright-io/millwright/controlplane"
	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/durable"
	"github.com/millwright-io/millwright/deploy/internal/nats"
)

const (
	// onlyCell is the name and region of the one cell that runs when none is named.
	onlyCell = "local"
	// mostCells bounds what one machine is asked to carry.
	mostCells = 8
	// cellPorts is how many public ports a further cell takes.
	cellPorts = 6
	// cellStride lies between the default ports of one cell and the next.
	cellStride = 100
)

// cell is one of the cells that run here.
type cell struct {
	name, region                                                string
	address, ingest, mqtt, mqttWebSocket, clickhouseStore, nats string
	metricsPort, gatewayMetricsPort                             int
	// first takes the addresses, files and names that a single cell has.
	first bool
}

// called is what a part, a secret or a folder of the cell is called: the first cell's as if there were no other.
func (c *cell) called(what string) string {
	if c.first {
		return what
	}
	return what + "-" + c.name
}

func (c *cell) natsUser() string { return c.called(nats.UserCell) }

var cellForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// completeCells reads names as NAME or NAME=REGION; a region is called as the cell unless it is given.
func (c *Config) completeCells() error {
	names := c.Cells
	if len(names) == 0 {
		names = []string{onlyCell}
	}
	if len(names) > mostCells {
		return command.Usage("--cells: %d cells are too many for one machine, want 1 to %d", len(names), mostCells)
	}
	c.cells = nil
	for i, text := range names {
		name, region, given := strings.Cut(text, "=")
		if !given {
			region = name
		}
		if !cellForm.MatchString(name) || !cellForm.MatchString(region) {
			return command.Usage("--cells %q: want NAME or NAME=REGION, each of 1 to 32 lower-case letters, digits, _ or -", text)
		}
		if slices.ContainsFunc(c.cells, func(other *cell) bool { return other.name == name }) {
			return command.Usage("--cells: %s is there twice", name)
		}
		c.cells = append(c.cells, c.cellAt(i, name, region))
	}
	return nil
}

// cellAt gives the first cell the addresses of the flags, and a further one the next six ports of the port base, or the
// defaults plus a hundred for each cell before it.
func (c *Config) cellAt(i int, name, region string) *cell {
	if i == 0 {
		return &cell{
			name: name, region: region, first: true, address: c.CellAddress, ingest: c.IngestAddress, mqtt: c.MQTTAddress,
			mqttWebSocket: c.MQTTWebSocketAddress, clickhouseStore: c.ClickHouseAddress, nats: c.DeviceNATSAddress,
		}
	}
	own := c.addresses()
	place := &cell{name: name, region: region}
	for n, p := range []struct {
		value *string
		like  string
	}{
		{&place.address, "cell-address"},
		{&place.ingest, "ingest-address"},
		{&place.mqtt, "mqtt-address"},
		{&place.mqttWebSocket, "mqtt-websocket-address"},
		{&place.clickhouseStore, "clickhouse-address"},
		{&place.nats, "device-nats-address"},
	} {
		at := slices.IndexFunc(own, func(a address) bool { return a.flag == p.like })
		port := own[at].standard + i*cellStride
		if c.PortBase > 0 {
			port = c.PortBase + len(own) + (i-1)*cellPorts + n
		}
		*p.value = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return place
}

// further are the addresses of the cells after the first.
func (c *Config) further() (list []address) {
	for _, place := range c.cells {
		if place.first {
			continue
		}
		for _, a := range []struct {
			value *string
			what  string
		}{
			{&place.address, "the API"},
			{&place.ingest, "devices over HTTPS"},
			{&place.mqtt, "devices over MQTT"},
			{&place.mqttWebSocket, "devices over MQTT in WebSocket"},
			{&place.clickhouseStore, "the ClickHouse endpoint"},
			{&place.nats, "devices over NATS"},
		} {
			list = append(list, address{value: a.value, flag: "cells", serves: a.what + " of cell " + place.name})
		}
	}
	return list
}

// checkCells refuses to start without a cell that tenants of the data directory may live in.
func (c *Config) checkCells(d *directory) error {
	text, err := os.ReadFile(d.at("cells.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var known []controlplane.Cell
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", d.at("cells.json"), plain(err))
	}
	for i, k := range known {
		at := slices.IndexFunc(c.cells, func(p *cell) bool { return p.name == k.Name })
		switch {
		case at < 0:
			return fmt.Errorf("the data directory %s has a cell %s that --cells does not name: name it too, its tenants live there", d.path, k.Name)
		case (i == 0) != (at == 0):
			return fmt.Errorf("the data directory %s has %s as its first cell: name it first in --cells", d.path, known[0].Name)
		}
	}
	return nil
}

// writeCells tells the control plane where the cells listen, as their users see it.
func (s *site) writeCells() (string, error) {
	var list []controlplane.Cell
	for _, c := range s.cfg.cells {
		list = append(list, controlplane.Cell{
			Name: c.name, Region: c.region,
			URL:              "http://" + s.reachable(c.address),
			IngestURL:        "https://" + s.reachable(c.ingest) + "/v1/telemetry",
			MQTTAddress:      s.reachable(c.mqtt),
			MQTTWebSocketURL: "wss://" + s.reachable(c.mqttWebSocket) + "/mqtt",
			NATSURL:          "tls://" + s.reachable(c.nats),
		})
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the list of cells: %w", err)
	}
	path := s.dir.at("cells.json")
	return path, durable.WriteFile(path, append(text, '\n'), 0o600)
}
