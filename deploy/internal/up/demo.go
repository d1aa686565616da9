package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/demo"
	"github.com/millwright-io/millwright/deploy/internal/durable"
)

// demoHistory is how far back the plant's charts reach when it is new.
const demoHistory = time.Hour

// startDemo sets up the demo tenant and, for the plant, starts what sends.
func (s *site) startDemo(ctx context.Context, t *tree) error {
	if s.cfg.Demo == "none" {
		return nil
	}
	password, _, err := s.dir.secret("demo-password", 8)
	if err != nil {
		return err
	}
	if err := s.copyRoot(); err != nil {
		return err
	}
	d := demo.New(demo.Config{
		ControlURL: "http://" + s.reachable(s.cfg.ControlAddress), Password: password, File: s.dir.at("demo.json"),
		DevicesDir: s.dir.at("devices"), CAFile: s.dir.at("ca.pem"), Mailbox: s.mailbox,
	}, s.log, s.now)
	if err := d.Tenant(ctx); errors.Is(err, demo.ErrNotServed) {
		return nil // the rest of the installation is of use none the less
	} else if err != nil {
		return err
	}
	if s.cfg.Demo != "plant" {
		return nil
	}
	if err := d.Devices(ctx); err != nil {
		return err
	}
	begun := s.now()
	if err := t.start(ctx, s.plantPart(d.MQTTAddress())); err != nil {
		return err
	}
	if err := d.WaitSending(ctx, begun); err != nil {
		return err
	}
	s.say("demo", "the plant is sending", begun)
	return nil
}

// plantPart is the simulator with the demo's devices.
func (s *site) plantPart(address string) *part {
	spec := s.roleSpec("simulate", "simulate", []string{
		"--devices-dir", s.dir.at("devices"), "--mqtt-address", address,
		"--seed", strconv.Itoa(demo.Seed), "--backfill", demoHistory.String(),
		"--est-url", "https://" + s.reachable(s.cfg.ESTAddress) + "/.well-known/est",
	}, nil)
	return childPart(s.child(spec))
}

// copyRoot puts the root of the gateway's certificate where any user of this machine can read it.
func (s *site) copyRoot() error {
	text, err := os.ReadFile(s.dir.at("gateway", "ca.pem"))
	if err != nil {
		return fmt.Errorf("read the platform's root certificate: %w", err)
	}
	if err := durable.WriteFile(s.dir.at("ca.pem"), text, 0o644); err != nil {
		return fmt.Errorf("write the platform's root certificate: %w", err)
	}
	return nil
}
