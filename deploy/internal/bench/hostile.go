package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
)

// behind is the nice value of the hostile tenants' process: on machines of their own they would take no processor time
// from the product. What they could not offer for that shows in the result.
const behind = 10

// role is what a hostile tenant is played with.
type role struct {
	Kind        string
	Key         string
	Cell        string
	MQTT        string
	Ingest      string
	Store       access
	Devices     []string
	Credentials []enrol.Credentials
}

// Toll is what a hostile tenant offered and what became of it.
type Toll struct {
	Kind string `json:"kind"`
	What string `json:"what"`
	// Seconds is how long it was at it.
	Seconds float64 `json:"seconds"`
	Offered uint64  `json:"offered"`
	Taken   uint64  `json:"taken"`
	// Held could not be offered in time, since the product did not read or answer.
	Held uint64 `json:"held_back"`
	// Refused counts by the name of the limit, Errors what failed in another way; Last is the words of one.
	Refused map[string]uint64 `json:"refused"`
	Errors  uint64            `json:"errors"`
	Last    string            `json:"last_error,omitempty"`
}

// hostile is the process that plays the hostile tenants.
type hostile struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     io.Reader
	process Process
}

// newHostile founds a tenant a kind and starts the process that plays them.
func newHostile(ctx context.Context, server string, operator *rpc.Client, kinds []string, e command.Env) (*hostile, error) {
	roles := make([]role, 0, len(kinds))
	for _, kind := range kinds {
		a := attacks[kind]
		o, err := found(ctx, server, operator, "Hostile "+kind, a.devices)
		if err != nil {
			return nil, err
		}
		r := role{Kind: kind, Key: o.key, Cell: o.tenant.GetCellUrl(), MQTT: o.tenant.GetMqttAddress(), Ingest: o.tenant.GetIngestUrl(), Store: o.store, Credentials: o.credentials}
		for _, d := range o.devices {
			r.Devices = append(r.Devices, d.ID)
		}
		if a.prepare != nil {
			if err := a.prepare(ctx, &r, e); err != nil {
				return nil, err
			}
		}
		if err := o.limit(ctx, operator, quota); err != nil {
			return nil, err
		}
		roles = append(roles, r)
	}
	return startHostile(ctx, roles, e)
}

func startHostile(ctx context.Context, roles []role, e command.Env) (*hostile, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary: %w", err)
	}
	h := &hostile{cmd: exec.CommandContext(ctx, self, "bench", "hostile")}
	h.cmd.Stderr = e.Err
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the hostile tenants: %w", err)
	}
	if h.out, err = h.cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("start the hostile tenants: %w", err)
	}
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the hostile tenants: %w", err)
	}
	if err := syscall.Setpriority(syscall.PRIO_PGRP, h.cmd.Process.Pid, behind); err != nil {
		h.kill()
		return nil, fmt.Errorf("put the hostile tenants behind: %w", err)
	}
	text, err := json.Marshal(roles)
	if err != nil {
		h.kill()
		return nil, fmt.Errorf("tell the hostile tenants their roles: %w", err)
	}
	return h, h.say(string(text))
}

func (h *hostile) say(line string) error {
	if _, err := io.WriteString(h.in, line+"\n"); err != nil {
		return fmt.Errorf("tell the hostile tenants: %w", err)
	}
	return nil
}

// end returns what came of it.
func (h *hostile) end() ([]Toll, error) {
	h.process, _ = readProcess(fmt.Sprintf("/proc/%d", h.cmd.Process.Pid))
	h.process.Name = "hostile"
	_ = h.in.Close() // it reads to the end
	var tolls []Toll
	err := json.NewDecoder(h.out).Decode(&tolls)
	return tolls, errors.Join(err, h.cmd.Wait())
}

func (h *hostile) kill() {
	if h.cmd.ProcessState == nil {
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait()
	}
}

// hostileCommand is the process's own verb: roles in the first line of its input, then on and off.
func hostileCommand() command.Command {
	return command.Command{
		Name: "bench hostile", Summary: "play the hostile tenants of bench isolation, which starts it", Hidden: true,
		Prepare: func(*flag.FlagSet) command.Run {
			return func(ctx context.Context, e command.Env, _ []string) error { return playHostile(ctx, e) }
		},
	}
}

func playHostile(ctx context.Context, e command.Env) error {
	lines := bufio.NewReader(e.In)
	var roles []role
	text, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(text, &roles)
	}
	if err != nil {
		return fmt.Errorf("read the roles: %w", err)
	}
	all := make([]*assault, 0, len(roles))
	for _, r := range roles {
		a, err := newAssault(r, e)
		if err != nil {
			return err
		}
		all = append(all, a)
	}
	stop := func() {}
	for {
		line, err := lines.ReadString('\n')
		stop()
		if err != nil {
			break
		}
		if line == "on\n" {
			stop = begin(ctx, all, e.Now)
		}
	}
	tolls := make([]Toll, 0, len(all))
	for _, a := range all {
		tolls = append(tolls, a.toll)
	}
	return json.NewEncoder(e.Out).Encode(tolls)
}

// begin sets all upon the product until the returned function is called, which may be done again.
func begin(ctx context.Context, all []*assault, now func() time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	begun := now()
	for _, a := range all {
		running.Go(func() { attacks[a.role.Kind].run(ctx, a) })
	}
	return sync.OnceFunc(func() {
		took := now().Sub(begun).Seconds()
		cancel()
		running.Wait()
		for _, a := range all {
			a.toll.Seconds += took
		}
	})
}
