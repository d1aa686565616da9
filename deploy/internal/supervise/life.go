package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Start starts the child and returns once it is ready. When it ends or stays unready for too long instead, Start leaves
// nothing running and returns an error that quotes the child's last words. ctx bounds the start, not the child's life.
func (c *Child) Start(ctx context.Context) error {
	c.mu.Lock()
	if c.started {
		c.mu.Unlock()
		return fmt.Errorf("start %s: started before", c.spec.Name)
	}
	c.started = true
	c.mu.Unlock()
	out, err := openOutput(c.spec.LogPath, c.spec.LogLimit, c.notable)
	if err != nil {
		close(c.done)
		return fmt.Errorf("start %s: %w", c.spec.Name, err)
	}
	c.output = out
	first := make(chan error, 1)
	go c.live(ctx, first)
	return <-first
}

// A child in trouble may say the same a thousand times a second; the operator sees the first lines of each span and the
// log file has them all.
const (
	shownLines = 5
	shownSpan  = 10 * time.Second
)

// notable shows a line that the operator should see. It is called by one goroutine at a time.
func (c *Child) notable(line string) bool {
	if c.spec.Notable == nil || !c.spec.Notable(line) {
		return false
	}
	if c.now().Sub(c.shown.since) > shownSpan {
		if c.shown.hidden > 0 {
			c.log.Warn("said more than is shown here", slog.Int("lines", c.shown.hidden), slog.String("log", c.spec.LogPath))
		}
		c.shown.since, c.shown.lines, c.shown.hidden = c.now(), 0, 0
	}
	if c.shown.lines++; c.shown.lines > shownLines {
		c.shown.hidden++
		return true
	}
	c.log.Warn("says", slog.String("line", line))
	return true
}

// live owns the child from its first start to its end. The signal that reaches a child when its parent dies is tied to
// the thread that started it, so this goroutine keeps its thread.
func (c *Child) live(ctx context.Context, first chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	defer c.output.close()
	defer c.set(func(s *Status) { s.State, s.Pid = StateStopped, 0 })
	pause := c.spec.Backoff
	for {
		begun := c.now()
		ended, err := c.spawn(ctx)
		if err == nil {
			err = c.becomeReady(ctx, ended)
		}
		if first != nil {
			first <- err
			if err != nil {
				c.end(ended)
				return
			}
			first, ctx = nil, context.WithoutCancel(ctx)
		}
		if c.watch(ended, err, begun) {
			return
		}
		if c.now().Sub(begun) > time.Minute {
			pause = c.spec.Backoff
		}
		if !c.pause(pause) {
			return
		}
		pause = min(2*pause, 50*c.spec.Backoff)
		c.set(func(s *Status) { s.Restarts++ })
	}
}

// watch waits for the child's end, or ends it when it never became ready, and reports whether that was the last of it.
func (c *Child) watch(ended <-chan error, notReady error, begun time.Time) (last bool) {
	if notReady != nil {
		c.end(ended)
		if c.stopping() {
			return true
		}
		c.log.Error("did not come back, trying again", slog.String("reason", notReady.Error()))
		return false
	}
	select {
	case <-c.quit:
		c.end(ended)
		return true
	case err := <-ended:
		c.set(func(s *Status) { s.State, s.Pid = StateDown, 0 })
		if c.stopping() || c.spec.Once {
			return true
		}
		c.log.Error("ended by itself, restarting", slog.String("reason", describe(err)),
			slog.String("after", c.now().Sub(begun).Round(time.Millisecond).String()))
		return false
	}
}

// spawn starts the process. The channel gives how it ended, once.
func (c *Child) spawn(ctx context.Context) (<-chan error, error) {
	c.set(func(s *Status) { s.State, s.Pid = StateStarting, 0 })
	if c.stopping() {
		return nil, errStopped
	}
	if c.spec.BeforeStart != nil {
		if err := c.spec.BeforeStart(ctx); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(c.spec.Path, c.spec.Args...) //nolint:noctx // the child outlives every context; Stop ends it
	cmd.Env, cmd.Dir = c.spec.Env, c.spec.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: c.spec.DeathSignal, Credential: c.spec.Credential}
	writer, err := c.output.attach()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.spec.Name, err)
	}
	c.mu.Lock()
	c.cmd, c.status.Pid = cmd, cmd.Process.Pid
	c.mu.Unlock()
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		close(ended)
	}()
	return ended, nil
}

var errStopped = errors.New("stopped")

// becomeReady asks the child until it is ready, has ended, or had its time.
func (c *Child) becomeReady(ctx context.Context, ended <-chan error) error {
	begun := c.now()
	deadline := time.NewTimer(c.spec.ReadyWithin)
	defer deadline.Stop()
	wait := 20 * time.Millisecond
	for {
		reason := c.probe(ctx)
		if reason == nil {
			restarts := 0
			c.set(func(s *Status) { s.State, restarts = StateReady, s.Restarts })
			c.log.Info("ready", slog.String("in", c.now().Sub(begun).Round(time.Millisecond).String()), slog.Int("restarts", restarts))
			return nil
		}
		select {
		case err := <-ended:
			c.set(func(s *Status) { s.State, s.Pid = StateDown, 0 })
			return fmt.Errorf("%s ended before it was ready (%s); %s", c.spec.Name, describe(err), c.lastWords())
		case <-deadline.C:
			c.end(ended)
			return fmt.Errorf("%s was not ready within %s (%w); %s", c.spec.Name, c.spec.ReadyWithin, reason, c.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("start %s: %w", c.spec.Name, ctx.Err())
		case <-c.quit:
			return errStopped
		case <-time.After(wait):
			wait = min(wait*3/2, 500*time.Millisecond)
		}
	}
}

func (c *Child) probe(ctx context.Context) error {
	if c.spec.Ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return c.spec.Ready(ctx)
}

func (c *Child) lastWords() string {
	words := c.output.last()
	if words == "" {
		words = "it printed nothing"
	} else {
		words = "its last words: " + words
	}
	if c.spec.LogPath != "" {
		words += " (more in " + c.spec.LogPath + ")"
	}
	return words
}

// Stop ends the child and waits until it is gone. It may be called at any time, more than once.
func (c *Child) Stop() {
	c.mu.Lock()
	begun := c.started
	if !c.stopped {
		c.stopped = true
		close(c.quit)
	}
	c.mu.Unlock()
	if begun {
		<-c.done
	}
}

// Signal sends a signal to the running child, if there is one.
func (c *Child) Signal(sig os.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil || c.status.Pid == 0 {
		return nil
	}
	return c.cmd.Process.Signal(sig)
}

func (c *Child) stopping() bool {
	select {
	case <-c.quit:
		return true
	default:
		return false
	}
}

// pause waits before a restart; false means that the child is to stop instead.
func (c *Child) pause(d time.Duration) bool {
	select {
	case <-c.quit:
		return false
	case <-time.After(d):
		return true
	}
}

// end asks the process to go, waits for its grace, then kills its whole group.
func (c *Child) end(ended <-chan error) {
	c.mu.Lock()
	cmd, pid := c.cmd, c.status.Pid
	c.mu.Unlock()
	if ended == nil || cmd == nil || pid == 0 {
		return
	}
	begun := c.now()
	_ = cmd.Process.Signal(c.spec.StopSignal)
	grace := time.NewTimer(c.spec.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		c.log.Warn("killed: it did not stop in time", slog.String("grace", c.spec.Grace.String()))
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		<-ended
	}
	c.set(func(s *Status) { s.State, s.Pid = StateDown, 0 })
	c.log.Info("stopped", slog.String("in", c.now().Sub(begun).Round(time.Millisecond).String()))
}

func describe(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}
