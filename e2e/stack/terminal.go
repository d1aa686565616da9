package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Shell runs verbs as a person does who has no API key, with a file for the sessions of `millwright login`.
type Shell struct {
	Session string
	env     []string
}

// Shell returns a shell with that session file.
func (s *Stack) Shell(session string) *Shell {
	env := []string{"MILLWRIGHT_SERVER=" + s.Demo.ControlURL, "MILLWRIGHT_SESSION=" + session}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MILLWRIGHT_") {
			env = append(env, v)
		}
	}
	return &Shell{Session: session, env: env}
}

// Run runs a verb that must succeed and returns what it printed.
func (h *Shell) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, code := h.Command("", args...)
	if code != 0 {
		t.Fatalf("millwright %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// Command runs a verb with that standard input and returns what it printed, standard error too, and its exit code.
func (h *Shell) Command(in string, args ...string) (out string, code int) {
	cmd := exec.Command(binaryPath(), args...)
	cmd.Env, cmd.Stdin = h.env, strings.NewReader(in)
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// Terminal is a verb that runs on a pseudo terminal, under a person's hands.
type Terminal struct {
	file   *os.File
	out    *lockedBuffer
	exited chan struct{}
	cmd    *exec.Cmd
	seen   int
}

// Terminal starts a verb.
func (h *Shell) Terminal(t testing.TB, args ...string) *Terminal {
	t.Helper()
	file, other, err := pseudoTerminal()
	if err != nil {
		t.Fatalf("open a pseudo terminal: %v", err)
	}
	x := &Terminal{file: file, out: &lockedBuffer{}, exited: make(chan struct{}), cmd: exec.Command(Binary(t), args...)}
	x.cmd.Env, x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = h.env, other, other, other
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = other.Close()
	go func() {
		for b := make([]byte, 1024); ; {
			n, err := file.Read(b)
			_, _ = x.out.Write(b[:n])
			if err != nil { // the verb has ended, and with it the other side
				_ = x.cmd.Wait()
				close(x.exited)
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		<-x.exited
		_ = file.Close()
	})
	return x
}

func pseudoTerminal() (ours, other *os.File, err error) {
	if ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		other, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	return ours, other, err
}

// Answer waits for a question and types a line. A secret is typed once the terminal does not show it.
func (x *Terminal) Answer(t testing.TB, question, line string, secret bool) {
	t.Helper()
	Eventually(t, 20*time.Second, "it asks for "+question, func() error {
		i := strings.Index(x.out.String()[x.seen:], question)
		if i < 0 {
			return fmt.Errorf("it says %q", x.out.String())
		}
		mode, err := unix.IoctlGetTermios(int(x.file.Fd()), unix.TCGETS)
		if err == nil && secret && mode.Lflag&unix.ECHO != 0 {
			err = errors.New("what is typed would be seen")
		}
		if err == nil {
			x.seen += i + len(question)
		}
		return err
	})
	if _, err := x.file.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
}

// Wait returns everything that was to be seen, and the exit code.
func (x *Terminal) Wait(t testing.TB) (out string, code int) {
	t.Helper()
	select {
	case <-x.exited:
		return x.out.String(), x.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		t.Fatalf("it does not end: %s", x.out.String())
		return "", -1
	}
}
