// Package pgtest gives a test a Postgres database of its own with our schema in it. Only tests import it.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/migrations"
)

// variable names a server to use instead of starting one: a superuser's URL.
const variable = "MILLWRIGHT_TEST_POSTGRES_URL"

// template is the migrated database that each test's is a copy of.
type template struct {
	url  string // of the server's maintenance database
	name string
	err  error
}

var once = sync.OnceValue(func() template {
	base := os.Getenv(variable)
	if base == "" {
		var err error
		if base, err = start(); err != nil {
			return template{err: err}
		}
	}
	t := template{url: base, name: fmt.Sprintf("template_%d_%d", os.Getpid(), time.Now().UnixNano())}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if t.err = execute(ctx, base, "create database "+t.name); t.err == nil {
		t.err = migrations.Postgres(ctx, t.at(t.name))
	}
	return t
})

// copying serializes copies: Postgres refuses to copy a template that somebody else is copying.
var copying sync.Mutex

var count int

// New returns the URL of a fresh, migrated database, as its owner (a superuser). It is dropped when the test passes; a
// failed test keeps its database and prints the name. Without Postgres the test is skipped, under CI=true it fails.
func New(t testing.TB) string {
	t.Helper()
	return fresh(t, true)
}

// Empty is New without our schema.
func Empty(t testing.TB) string {
	t.Helper()
	return fresh(t, false)
}

func fresh(t testing.TB, migrated bool) string {
	t.Helper()
	tpl := once()
	if tpl.err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no Postgres for tests: %v", tpl.err)
		}
		t.Skipf("no Postgres for tests: %v", tpl.err)
	}
	copying.Lock()
	defer copying.Unlock()
	count++
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), count)
	statement := "create database " + name
	if migrated {
		statement += " template " + tpl.name
	}
	if err := execute(context.Background(), tpl.url, statement); err != nil {
		t.Fatalf("create test database: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the test's database was %s", name)
			return
		}
		if err := execute(context.Background(), tpl.url, "drop database "+name+" with (force)"); err != nil {
			t.Logf("drop test database: %v", err)
		}
	})
	return tpl.at(name)
}

// at is the URL of another database of the server.
func (t template) at(name string) string {
	u, err := url.Parse(t.url)
	if err != nil {
		return t.url
	}
	u.Path = "/" + name
	return u.String()
}

func execute(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect to postgres: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
