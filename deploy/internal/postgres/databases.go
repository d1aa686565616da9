package postgres

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// Database is one that the server shall have, with the role that owns it.
type Database struct {
	Name string
	// Role owns the database and signs in with Password; it is no superuser.
	Role     string
	Password string
	// MayCreateRoles lets the owner make further roles, for row-level security.
	MayCreateRoles bool
}

// URL is the connection string of a database for its owner, without the password, which belongs into a file of its own.
func (s *Server) URL(db Database) string {
	return (&url.URL{
		Scheme: "postgres", User: url.User(db.Role), Host: s.Address(), Path: "/" + db.Name, RawQuery: "sslmode=disable",
	}).String()
}

// URLWithPassword is the connection string with the password, for files of mode 0600 and environments of children only.
func (s *Server) URLWithPassword(db Database) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(db.Role, db.Password), Host: s.Address(), Path: "/" + db.Name,
		RawQuery: "sslmode=disable",
	}).String()
}

func (s *Server) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, s.URLWithPassword(Database{Name: "postgres", Role: "postgres", Password: s.cfg.Password}))
}

func (s *Server) ready(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.Ping(ctx)
}

// Ensure makes the databases and roles that are missing, and sets the roles' passwords.
func (s *Server) Ensure(ctx context.Context, databases ...Database) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect to postgres at %s: %w", s.Address(), err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, db := range databases {
		if err := ensure(ctx, conn, db); err != nil {
			return fmt.Errorf("prepare database %s: %w", db.Name, err)
		}
	}
	return nil
}

func ensure(ctx context.Context, conn *pgx.Conn, db Database) error {
	name, role := pgx.Identifier{db.Name}.Sanitize(), pgx.Identifier{db.Role}.Sanitize()
	exists, err := asks(ctx, conn, "select exists (select 1 from pg_roles where rolname = $1)", db.Role)
	if err != nil {
		return err
	}
	if !exists {
		if _, err := conn.Exec(ctx, "create role "+role); err != nil {
			return err
		}
	}
	if err := setPassword(ctx, conn, db); err != nil {
		return err
	}
	exists, err = asks(ctx, conn, "select exists (select 1 from pg_database where datname = $1)", db.Name)
	if err != nil || exists {
		return err
	}
	if _, err := conn.Exec(ctx, "create database "+name+" owner "+role); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "revoke all on database "+name+" from public")
	return err
}

// setPassword also sets the role's rights, so that a change of ours reaches old data directories.
func setPassword(ctx context.Context, conn *pgx.Conn, db Database) error {
	rights := "nocreaterole"
	if db.MayCreateRoles {
		rights = "createrole"
	}
	// A role statement takes no parameters; format() quotes on the server's side.
	var statement string
	err := conn.QueryRow(ctx, "select format('alter role %I login nosuperuser nobypassrls nocreatedb "+rights+" password %L', $1::text, $2::text)",
		db.Role, db.Password).Scan(&statement)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return err
}

func asks(ctx context.Context, conn *pgx.Conn, query, arg string) (yes bool, err error) {
	err = conn.QueryRow(ctx, query, arg).Scan(&yes)
	return yes, err
}
