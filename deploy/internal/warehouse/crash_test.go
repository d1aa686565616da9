package warehouse

import (
	"fmt"
	"strings"
	"testing"
)

func TestKillAndRestartKeepsRowsUsersAndTokens(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: t.TempDir()}
	e, err := startChild(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := startChild(t, cfg); err == nil || !strings.Contains(err.Error(), "is in use by process") {
		t.Fatalf("a second process on the directory: %v", err)
	}
	e.must(t, "CREATE DATABASE d")
	e.must(t, "CREATE TABLE d.x (a UInt32) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100, fsync_after_insert = 1, fsync_part_directory = 1")
	e.must(t, "CREATE USER d IDENTIFIED WITH sha256_password BY 'pw'")
	e.must(t, "GRANT SELECT ON d.* TO d")
	for round := range 3 {
		for n := range 5 {
			e.must(t, fmt.Sprintf("%d\n", n), "query", "INSERT INTO d.x FORMAT TSV", "insert_deduplication_token", fmt.Sprintf("range-%d", n))
		}
		if got := e.as("d", "pw").must(t, "SELECT count(), uniqExact(a) FROM d.x"); got != "5\t5\n" {
			t.Fatalf("round %d: %q", round, got)
		}
		if err := e.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = e.command.Wait()
		if e, err = startChild(t, cfg); err != nil {
			t.Fatal(err)
		}
	}
}
