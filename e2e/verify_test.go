package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

var verified = regexp.MustCompile(`acked (\d+), stored (\d+), missing 0, duplicate 0`)

// simulateAndVerify runs simulated devices for a moment and checks every acknowledged event and the bill.
func simulateAndVerify(t *testing.T, s *stack.Stack) {
	acks := filepath.Join(t.TempDir(), "acks")
	s.Run(t, "simulate", "--devices", "6", "--rate", "600", "--duration", "3s", "--seed", "7", "--acks", acks)
	verifyAcks(t, s, acks, 1000)
	overNATS := filepath.Join(t.TempDir(), "acks")
	s.Run(t, "simulate", "--protocol", "nats", "--devices", "3", "--rate", "300", "--duration", "2s", "--seed", "8", "--acks", overNATS)
	verifyAcks(t, s, overNATS, 400)
	usageEqualsStored(t, s)
	verifyCell(t, s)
}

var undrifted = regexp.MustCompile(`^windows [1-9]\d*, different 0; events [1-9]\d*, points \d+, dead letters \d+, bytes \d+, drift 0\n$`)

// verifyCell recounts windows and usage from the stored events.
func verifyCell(t *testing.T, s *stack.Stack) {
	t.Helper()
	out := s.Run(t, "verify", "cell", "--since", "2h")
	if !undrifted.MatchString(out) {
		t.Errorf("verify cell printed %q", out)
	}
	t.Log(strings.TrimSpace(out))
}

// verifyAcks runs `verify acks` and requires that at least so many events were acknowledged.
func verifyAcks(t *testing.T, s *stack.Stack, acks string, atLeast int) {
	t.Helper()
	out := s.Run(t, "verify", "acks", acks)
	found := verified.FindStringSubmatch(out)
	if found == nil || found[1] != found[2] {
		t.Fatalf("verify acks printed %q", out)
	}
	var acked int
	if _, err := fmt.Sscan(found[1], &acked); err != nil || acked < atLeast {
		t.Fatalf("only %d events were acknowledged, want %d at least", acked, atLeast)
	}
	t.Log(strings.TrimSpace(out))
}

// usageEqualsStored compares the ledger's count with the rows of the tenant's database.
func usageEqualsStored(t *testing.T, s *stack.Stack) {
	t.Helper()
	stack.Eventually(t, 30*time.Second, "the ledger counts what is stored", func() error {
		res, err := s.Usage(s.Demo.APIKey).Get(context.Background(), &usagev1.GetRequest{})
		if err != nil {
			return err
		}
		var events, points uint64
		for _, h := range res.Hours {
			events, points = events+h.Events, points+h.Points
		}
		conn, err := openStore(s)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		var storedEvents, storedPoints uint64
		if err := conn.QueryRow(context.Background(), "select count(), sum(length(names)) from events").Scan(&storedEvents, &storedPoints); err != nil {
			return err
		}
		if events != storedEvents || points != storedPoints {
			return fmt.Errorf("the ledger has %d events and %d points, the store %d and %d", events, points, storedEvents, storedPoints)
		}
		if events == 0 {
			return fmt.Errorf("nothing was counted")
		}
		return billed(s, events, points)
	})
}

// billed compares the quantities of the month's bill, in which the whole of a test is.
func billed(s *stack.Stack, events, points uint64) error {
	draft, err := s.Invoices(s.Demo.APIKey).GetDraft(context.Background(), &invoicev1.GetDraftRequest{})
	if err != nil {
		return err
	}
	quantities := make(map[string]uint64)
	for _, l := range draft.GetBill().GetLines() {
		quantities[l.GetMeter()] += l.GetQuantity()
	}
	if quantities["events"] != events || quantities["points"] != points {
		return fmt.Errorf("the bill has %d events and %d points, the ledger %d and %d", quantities["events"], quantities["points"], events, points)
	}
	return nil
}

var unbroken = regexp.MustCompile(`^entries (\d+), broken 0, last hash ([0-9a-f]{64})\n$`)

// verifyAudit checks the log that the cases before have filled, makes one more entry and checks against the noted head.
func verifyAudit(t *testing.T, s *stack.Stack) {
	before := unbroken.FindStringSubmatch(s.Run(t, "verify", "audit"))
	if before == nil {
		t.Fatal("the audit log is broken")
	}
	newDevice(t, s, "audited_01")
	s.Run(t, "device", "suspend", "audited_01")
	out := s.Run(t, "verify", "audit", "--number", before[1], "--hash", before[2])
	if after := unbroken.FindStringSubmatch(out); after == nil || after[1] == before[1] {
		t.Errorf("verify audit after two changes printed %q, before %q", out, before[0])
	}
	last := s.Run(t, "audit", "list", "--object", "device/audited_01", "--limit", "1")
	if !strings.Contains(last, "Suspend") || !strings.Contains(last, `{"status":"active"} → {"status":"suspended"}`) {
		t.Errorf("the newest entry about the device is %q", last)
	}
}

// verifyPlatformAudit checks the log of what operators do, and that a changed line of its export is found.
func verifyPlatformAudit(t *testing.T, s *stack.Stack) {
	signIn := []string{"--sign-in", filepath.Join(s.Data, "demo.json")}
	cells := s.Run(t, append([]string{"cell", "list", "-o", "json"}, signIn...)...)
	name := regexp.MustCompile(`"name": *"([^"]+)"`).FindStringSubmatch(cells)
	if name == nil {
		t.Fatalf("cell list printed %s", cells)
	}
	s.Run(t, append([]string{"cell", "drain", name[1]}, signIn...)...)
	s.Run(t, append([]string{"cell", "undrain", name[1]}, signIn...)...)
	if out := s.Run(t, append([]string{"verify", "platform-audit"}, signIn...)...); !unbroken.MatchString(out) {
		t.Errorf("verify platform-audit printed %q", out)
	}
	if last := s.Run(t, append([]string{"platform", "audit", "--limit", "1"}, signIn...)...); !strings.Contains(last, "Undrain") || !strings.Contains(last, "cell/"+name[1]) {
		t.Errorf("the newest entry is %q", last)
	}
	export := s.Run(t, append([]string{"platform", "audit-export"}, signIn...)...)
	changed := filepath.Join(t.TempDir(), "export.ndjson")
	if err := os.WriteFile(changed, []byte(strings.Replace(export, "cell/"+name[1], "cell/another", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Command("verify", "platform-audit", "--file", changed); err == nil || !strings.Contains(out, "one of them was changed") {
		t.Errorf("a changed export: %v, printed %q", err, out)
	}
}
