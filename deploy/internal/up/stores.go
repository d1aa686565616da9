package up

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/nats"
	"github.com/millwright-io/millwright/deploy/internal/role"
	"github.com/millwright-io/millwright/deploy/internal/warehouse"
)

// postgresPart makes the data on the first start, and the databases after each.
func (s *site) postgresPart() *part {
	child := s.child(s.postgres.Spec())
	p := childPart(child)
	p.start = func(ctx context.Context) error {
		begun := s.now()
		made, err := s.postgres.Init(ctx)
		if err != nil {
			return err
		}
		if s.freshPostgres = made; made {
			s.say("postgres", "made its data directory", begun)
		}
		if err := child.Start(ctx); err != nil {
			return err
		}
		if err := s.postgres.Ensure(ctx, s.databases.millwright, s.databases.kratos); err != nil {
			child.Stop()
			return err
		}
		return nil
	}
	return p
}

func (s *site) say(part, what string, begun time.Time) {
	s.log.Info(what, slog.String("part", part), slog.String("in", s.now().Sub(begun).Round(time.Millisecond).String()))
}

// natsPart runs inside this process, unless somebody else's server is named.
func (s *site) natsPart() *part {
	return &part{
		name: "nats",
		start: func(context.Context) error {
			begun := s.now()
			if s.cfg.NATSURL != "" {
				s.nats = nats.External(s.cfg.NATSURL)
				return s.nats.Ready()
			}
			control, _, err := s.dir.secret("nats-controlplane", 24)
			if err != nil {
				return err
			}
			cfg := nats.Config{StoreDir: s.dir.at("nats"), ControlPlanePassword: control}
			for _, c := range s.cfg.cells {
				password, _, err := s.dir.secret(c.called("nats-cell"), 24)
				if err != nil {
					return err
				}
				cfg.Cells = append(cfg.Cells, nats.Cell{Name: c.name, User: c.natsUser(), Password: password})
			}
			s.nats, err = nats.Start(cfg, s.log)
			if err == nil {
				s.say("nats", "ready", begun)
			}
			return err
		},
		stop: func() {
			begun := s.now()
			s.nats.Stop()
			s.say("nats", "stopped", begun)
		},
		check: func(context.Context) error {
			if s.nats == nil {
				return errors.New("it is not started")
			}
			return s.nats.Ready()
		},
	}
}

// clickhousePart runs a cell's engine in a process of its own: its crash takes nothing else down.
func (s *site) clickhousePart(c *cell) (*part, error) {
	_, password, err := s.dir.secret(c.called("clickhouse-admin"), 24)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.dir.at(c.called("clickhouse")), 0o700); err != nil {
		return nil, fmt.Errorf("make %s: %w", s.dir.at(c.called("clickhouse")), plain(err))
	}
	args := role.Arguments(warehouse.Config{
		Address: c.clickhouseStore, DataDir: s.dir.at(c.called("clickhouse")), Library: s.cfg.Library,
		AdminUser: clickhouseAdmin, AdminPasswordFile: password,
	}, warehouse.Config{})
	return childPart(s.child(s.roleSpec(c.called("clickhouse"), "clickhouse", args, answers("http://"+c.clickhouseStore+"/ping")))), nil
}

// clickhouseAdmin is the user that the cell works as.
const clickhouseAdmin = "admin"

// kratosPart migrates the database when the program or the database is new.
func (s *site) kratosPart() *part {
	child := s.child(s.kratos.Spec())
	p := childPart(child)
	p.start = func(ctx context.Context) error {
		begun := s.now()
		done, err := s.kratos.Migrate(ctx, s.freshPostgres)
		if err != nil {
			return fmt.Errorf("prepare the identity server: %w", err)
		}
		if done {
			s.say("kratos", "migrated its database", begun)
		}
		return child.Start(ctx)
	}
	return p
}
