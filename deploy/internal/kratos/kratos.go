package kratos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/durable"
	"github.com/millwright-io/millwright/deploy/internal/supervise"
)

// Server is Kratos with its configuration written.
type Server struct {
	cfg Config
}

// New checks that the binary is there and writes the configuration. It starts nothing.
func New(cfg Config) (*Server, error) {
	if _, err := os.Stat(cfg.Binary); err != nil {
		return nil, fmt.Errorf("the identity server %s is not built (%w): run `make .tools/kratos` in the checkout, or name it by --kratos", cfg.Binary, errors.Unwrap(err))
	}
	return &Server{cfg: cfg}, cfg.write()
}

// Migrate brings the database to the binary's version. It does nothing when it did so before, unless force is set: the
// database is new.
func (s *Server) Migrate(ctx context.Context, force bool) (done bool, err error) {
	mark := filepath.Join(s.cfg.Dir, "migrated")
	if text, err := os.ReadFile(mark); err == nil && strings.TrimSpace(string(text)) == Version && !force {
		return false, nil
	}
	cmd := exec.CommandContext(ctx, s.cfg.Binary, "migrate", "sql", "-e", "--yes", "-c", s.cfg.path())
	cmd.Env = s.environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if out, err := cmd.CombinedOutput(); err != nil {
		return false, fmt.Errorf("migrate the database of kratos: %w: %s", err, lastLine(out))
	}
	if err := durable.WriteFile(mark, []byte(Version+"\n"), 0o600); err != nil {
		return false, fmt.Errorf("remember the migration of kratos: %w", err)
	}
	return true, nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// environment is all that the server is told besides its configuration; `migrate sql -e` takes the database from it.
func (s *Server) environment() []string {
	return []string{"DSN=" + s.cfg.DSN, "HOME=" + s.cfg.Dir, "PATH=/usr/bin:/bin", "GOMEMLIMIT=96MiB"}
}

// Spec is the server as a child to supervise.
func (s *Server) Spec() supervise.Spec {
	args := []string{"serve", "-c", s.cfg.path(), "--sqa-opt-out", "--watch-courier"}
	if strings.HasPrefix(s.cfg.Origin, "http://") {
		// The flag's default hides the configuration's `dev`; without it cookies are marked Secure and lost over plain http.
		args = append(args, "--dev")
	}
	return supervise.Spec{
		Name: "kratos", Path: s.cfg.Binary, Args: args,
		Env: s.environment(), Dir: s.cfg.Dir, Ready: s.Ready, LogPath: s.cfg.LogPath, Notable: notable,
	}
}

// notable leaves out what Kratos says of refused people and of plain http.
func notable(line string) bool {
	return strings.Contains(line, "level=fatal") || strings.Contains(line, "level=panic") || strings.HasPrefix(line, "panic:") ||
		strings.HasPrefix(line, "fatal error:")
}

// PublicURL and AdminURL are where the APIs listen, on loopback only.
func (s *Server) PublicURL() string { return "http://" + address(s.cfg.PublicPort) }

// AdminURL is where the admin API listens; it asks for no credentials.
func (s *Server) AdminURL() string { return "http://" + address(s.cfg.AdminPort) }

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Ready returns nil while both APIs serve and the database answers.
func (s *Server) Ready(ctx context.Context) error {
	client := &http.Client{Timeout: 3 * time.Second}
	for _, base := range []string{s.PublicURL(), s.AdminURL()} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/health/ready", nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s/health/ready answers %s", base, res.Status)
		}
	}
	return nil
}
