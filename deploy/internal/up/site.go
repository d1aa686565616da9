package up

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/kratos"
	"github.com/millwright-io/millwright/deploy/internal/mailbox"
	"github.com/millwright-io/millwright/deploy/internal/nats"
	"github.com/millwright-io/millwright/deploy/internal/postgres"
	"github.com/millwright-io/millwright/deploy/internal/supervise"
)

// site is the data directory with all that its parts share: ports, secrets and addresses.
type site struct {
	cfg        Config
	dir        *directory
	log        *slog.Logger
	now        func() time.Time
	executable string

	ports struct{ postgres, kratosPublic, kratosAdmin, controlMetrics, mail, mailbox int }

	postgres *postgres.Server
	nats     *nats.Server
	kratos   *kratos.Server
	mailbox  *mailbox.Mailbox // nil with a mail server

	// freshPostgres is set when the server's data was made by this start.
	freshPostgres bool
	databases     struct{ millwright, kratos postgres.Database }
}

func newSite(ctx context.Context, cfg Config, dir *directory, executable string, log *slog.Logger, now func() time.Time) (*site, error) {
	s := &site{cfg: cfg, dir: dir, log: log, now: now, executable: executable}
	wanted := []*int{&s.ports.postgres, &s.ports.kratosPublic, &s.ports.kratosAdmin, &s.ports.controlMetrics, &s.ports.mail, &s.ports.mailbox}
	for _, c := range cfg.cells {
		wanted = append(wanted, &c.metricsPort, &c.gatewayMetricsPort)
	}
	ports, err := freePorts(ctx, len(wanted))
	if err != nil {
		return nil, err
	}
	for i, p := range wanted {
		*p = ports[i]
	}
	if err := s.preparePostgres(ctx); err != nil {
		return nil, err
	}
	if err := s.prepareMailbox(); err != nil {
		return nil, err
	}
	return s, s.prepareKratos()
}

// preparePostgres finds the binaries and checks the data directory before anything is started.
func (s *site) preparePostgres(ctx context.Context) error {
	install, err := postgres.Find(ctx, s.cfg.PostgresBin, s.cfg.Home+"/deploy/tools")
	if err != nil {
		return err
	}
	var passwords [3]string
	for i, name := range []string{"postgres", "postgres-millwright", "postgres-kratos"} {
		if passwords[i], _, err = s.dir.secret(name, 24); err != nil {
			return err
		}
	}
	s.databases.millwright = postgres.Database{Name: "millwright", Role: "millwright", Password: passwords[1], MayCreateRoles: true}
	s.databases.kratos = postgres.Database{Name: "kratos", Role: "kratos", Password: passwords[2]}
	s.postgres, err = postgres.New(postgres.Config{
		DataDir: s.dir.at("postgres"), Port: s.ports.postgres, Password: passwords[0], LogPath: s.logPath("postgres"),
	}, install, s.log.With(slog.String("part", "postgres")), s.now)
	return err
}

func (s *site) prepareKratos() error {
	cookie, _, err := s.dir.secret("kratos-cookie", 32)
	if err != nil {
		return err
	}
	cipher, _, err := s.dir.secret("kratos-cipher", 16)
	if err != nil {
		return err
	}
	mail, err := s.mailURL()
	if err != nil {
		return err
	}
	s.kratos, err = kratos.New(kratos.Config{
		Binary: s.cfg.Kratos, Dir: s.dir.at("kratos"), DSN: s.postgres.URLWithPassword(s.databases.kratos) + "&max_conns=10",
		PublicPort: s.ports.kratosPublic, AdminPort: s.ports.kratosAdmin, Origin: s.cfg.Origin,
		CookieSecret: cookie, CipherSecret: cipher, MailURL: kratosMailURL(*mail), MailFrom: s.cfg.MailFrom, LogPath: s.logPath("kratos"),
	})
	return err
}

func (s *site) logPath(name string) string { return s.dir.at("logs", name+".log") }

func (s *site) child(spec supervise.Spec) *supervise.Child { return supervise.New(spec, s.log, s.now) }

// roleSpec is a child, called name, that is this binary in one of its roles. It inherits nothing of the environment, so that variables
// meant for `up` do not reach it, but where traces go.
func (s *site) roleSpec(name, role string, args []string, ready func(context.Context) error) supervise.Spec {
	return supervise.Spec{
		Name: name, Path: s.executable, Args: append([]string{role}, args...), Dir: s.dir.path,
		Env:   append([]string{"PATH=/usr/bin:/bin", "HOME=" + s.dir.path, "TZ=UTC"}, tracing()...),
		Ready: ready, ReadyWithin: time.Minute, Grace: 15 * time.Second, LogPath: s.logPath(name), Notable: notable,
	}
}

// tracing are OpenTelemetry's standard variables.
func tracing() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool { return !strings.HasPrefix(variable, "OTEL_") })
}

// notable is what a role's log shows to the operator.
func notable(line string) bool {
	return strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") ||
		strings.HasPrefix(line, "millwright: ") || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:")
}

// answers returns a probe that wants 200 from a URL.
func answers(url string) func(context.Context) error {
	client := &http.Client{Timeout: 5 * time.Second}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode == http.StatusOK {
			return nil
		}
		text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		return fmt.Errorf("%s answers %s: %s", url, res.Status, strings.Join(strings.Fields(string(text)), " "))
	}
}
