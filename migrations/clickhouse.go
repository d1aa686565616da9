package migrations

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

//go:embed clickhouse/*.sql
var clickhouseFiles embed.FS

// databaseName is what may stand unquoted in a statement.
var databaseName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// ClickHouseTenant creates the tenant's database if need be and brings its tables to the newest version. It runs each
// file of clickhouse/ once, in the order of the number it begins with, and notes it in the database's schema_versions.
// ClickHouse has no transactions: a file must be able to run again after it stopped half-way, hence `if not exists`.
//
// A runner of this size and not goose: goose wants a *sql.DB for each tenant and ten statements to find that nothing is
// to be done; a cell opens thousands of databases at a start.
func ClickHouseTenant(ctx context.Context, conn driver.Conn, database string) error {
	if !databaseName.MatchString(database) {
		return fmt.Errorf("database %q: want lower-case letters, digits and _", database)
	}
	steps, err := clickhouseSteps()
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"create database if not exists " + database,
		"create table if not exists " + database + ".schema_versions (version UInt32, applied DateTime default now())" +
			" engine = MergeTree order by version settings fsync_after_insert = 1, fsync_part_directory = 1",
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("prepare database %s: %w", database, err)
		}
	}
	var at uint32
	if err := conn.QueryRow(ctx, "select max(version) from "+database+".schema_versions").Scan(&at); err != nil {
		return fmt.Errorf("read schema version of %s: %w", database, err)
	}
	if newest := steps[len(steps)-1].version; at > newest {
		return fmt.Errorf("database %s has schema version %d, this program knows up to %d: start the newer program", database, at, newest)
	}
	for _, step := range steps {
		if step.version <= at {
			continue
		}
		if err := step.run(ctx, conn, database); err != nil {
			return err
		}
	}
	return nil
}

type clickhouseStep struct {
	version    uint32
	name       string
	statements []string
}

func (s clickhouseStep) run(ctx context.Context, conn driver.Conn, database string) error {
	for _, statement := range s.statements {
		if err := conn.Exec(ctx, strings.ReplaceAll(statement, "{database}", database)); err != nil {
			return fmt.Errorf("migrate %s with %s: %w", database, s.name, err)
		}
	}
	note := "insert into " + database + ".schema_versions (version) select " + strconv.FormatUint(uint64(s.version), 10)
	if err := conn.Exec(ctx, note); err != nil {
		return fmt.Errorf("note schema version %d of %s: %w", s.version, database, err)
	}
	return nil
}

// clickhouseSteps reads the embedded files: `<number>_<name>.sql`, statements ended by a semicolon at a line's end.
func clickhouseSteps() ([]clickhouseStep, error) {
	names, err := fs.Glob(clickhouseFiles, "clickhouse/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list clickhouse migrations: %w", err)
	}
	slices.Sort(names)
	steps := make([]clickhouseStep, 0, len(names))
	for _, name := range names {
		text, err := clickhouseFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "clickhouse/"), "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("migration %s: want a name like 0001_events.sql: %w", name, err)
		}
		step := clickhouseStep{version: uint32(version), name: name}
		for statement := range strings.SplitSeq(string(text), ";\n") {
			if strings.TrimSpace(statement) != "" {
				step.statements = append(step.statements, strings.TrimSpace(statement))
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}
