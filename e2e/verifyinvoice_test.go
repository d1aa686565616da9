package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millwright-io/millwright/e2e/stack"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
)

var (
	exactDraft   = regexp.MustCompile(`(?m)^draft: lines of usage [1-9]\d*, totals [1-9]\d*, noted \d+, different 0$`)
	exactInvoice = regexp.MustCompile(`(?m)^invoice 2\d{3}-000001, sha256 [0-9a-f]{64}: lines of usage [1-9]\d*, totals [1-9]\d*, noted \d+, different 0$`)
	eventsLine   = regexp.MustCompile(`(?m)^events from \S+ to \S+: line (\d+) = snapshot [0-9a-f]{64} ; ledger (\d+) in \d+ hours and \d+ totals, sha256 [0-9a-f]{64} ; noted \d+ ; stored (\d+)$`)
)

// TestVerifyInvoice closes a month by a clock of billing's own, follows its invoice to the stored events, and finds the row that is removed by
// hand and the total that is edited by hand.
func TestVerifyInvoice(t *testing.T) {
	clock := filepath.Join(t.TempDir(), "clock")
	now := time.Now().UTC()
	setClock(t, clock, now)
	s := stack.Start(t, stack.Options{Args: []string{"--billing-clock", clock}})
	s.Run(t, "simulate", "--devices", "4", "--rate", "400", "--duration", "3s", "--seed", "5")
	if out := s.Run(t, "verify", "invoice", "draft"); !exactDraft.MatchString(out) {
		t.Fatalf("the draft is not exact:\n%s", out)
	}
	for _, by := range []string{"facility", "group", "device"} {
		isSharedOut(t, s, "", "--by", by)
	}
	isSharedOut(t, s, "", "--by", "label", "--label", "line")
	setClock(t, clock, time.Date(now.Year(), now.Month()+1, 3, 0, 0, 0, 0, time.UTC))
	number := ""
	stack.Eventually(t, 60*time.Second, "the month is closed", func() error {
		res, err := s.Invoices(s.Demo.APIKey).List(context.Background(), &invoicev1.ListRequest{})
		if err != nil {
			return err
		}
		if len(res.GetInvoices()) == 0 {
			return fmt.Errorf("there is no invoice")
		}
		number = res.GetInvoices()[0].GetNumber()
		return nil
	})
	out := s.Run(t, "verify", "invoice", number)
	line := eventsLine.FindStringSubmatch(out)
	if !exactInvoice.MatchString(out) || line == nil || line[1] != line[2] || line[1] != line[3] || line[1] == "0" {
		t.Fatalf("the invoice is not exact:\n%s", out)
	}
	t.Log(strings.TrimSpace(out))

	isSharedOut(t, s, number, "--by", "device", "--month", now.Format("2006-01"))
	hour, partition := removeOneRow(t, s)
	out, err := s.Command("verify", "invoice", number, "--wait", "1s")
	where := fmt.Sprintf("hour %s, partition %d: the ledger has ", hour.Format(time.RFC3339), partition)
	gone := regexp.MustCompile(`(?m)^different: events, ` + regexp.QuoteMeta(where) + `(\d+), stored are (\d+)$`).FindStringSubmatch(out)
	if code(err) != 1 || gone == nil || parsed(t, gone[1]) != parsed(t, gone[2])+1 {
		t.Errorf("a row was removed, verify said %v:\n%s", err, out)
	}
	for _, meter := range []string{"points", "bytes"} {
		if !strings.Contains(out, "different: "+meter+", "+where) {
			t.Errorf("%s of the removed row are not missed:\n%s", meter, out)
		}
	}

	value := editOneTotal(t, s, hour, partition)
	out, err = s.Command("verify", "invoice", number, "--wait", "1s")
	if edited := fmt.Sprintf("different: points, %s%d, stored are ", where, value); code(err) != 1 || !strings.Contains(out, edited) {
		t.Errorf("a total was edited to %d, verify said %v:\n%s", value, err, out)
	}
	if !strings.Contains(out, fmt.Sprintf("different: points, hour %s: the snapshot has ", hour.Format(time.RFC3339))) {
		t.Errorf("the snapshot of the edited hour is not held against it:\n%s", out)
	}
	if !strings.Contains(out, "different: events, "+where) {
		t.Errorf("the removed row is not found any more:\n%s", out)
	}
	t.Log(strings.TrimSpace(out))
}

// setClock writes the time of billing as a whole.
func setClock(t *testing.T, file string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(at.Format(time.RFC3339)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// code is the exit code that a command ended with.
func code(err error) int {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

func parsed(t *testing.T, text string) (n uint64) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// removeOneRow deletes one event as the store's administrator, and says where it was.
func removeOneRow(t *testing.T, s *stack.Stack) (hour time.Time, partition uint16) {
	t.Helper()
	conn, err := openStore(s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var sequence uint64
	var index uint32
	const one = "select toStartOfHour(received), log_partition, log_sequence, log_index from events order by log_partition, log_sequence, log_index limit 1"
	if err := conn.QueryRow(context.Background(), one).Scan(&hour, &partition, &sequence, &index); err != nil {
		t.Fatal(err)
	}
	password, err := os.ReadFile(filepath.Join(s.Data, "secrets", "clickhouse-admin"))
	if err != nil {
		t.Fatal(err)
	}
	statement := fmt.Sprintf("alter table %s.events delete where log_partition = %d and log_sequence = %d and log_index = %d settings mutations_sync = 1",
		s.Demo.ClickHouseDatabase, partition, sequence, index)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.Demo.ClickHouseURL, strings.NewReader(statement))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-ClickHouse-User", "admin")
	req.Header.Set("X-ClickHouse-Key", strings.TrimSpace(string(password)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		t.Fatalf("remove a row: %s %s", res.Status, body)
	}
	return hour.UTC(), partition
}

// editOneTotal adds one to the points of a partition's hour in the ledger.
func editOneTotal(t *testing.T, s *stack.Stack, hour time.Time, partition uint16) (value int64) {
	t.Helper()
	dsn, err := os.ReadFile(filepath.Join(s.Data, "secrets", "postgres-dsn"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(context.Background(), strings.TrimSpace(string(dsn)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(context.Background(), "select set_config('millwright.tenant', $1, false)", s.Demo.TenantID); err != nil {
		t.Fatal(err)
	}
	const edit = "update usage_totals set value = value + 1 where tenant_id = $1 and hour = $2 and partition = $3 and meter = 'points' returning value"
	if err := conn.QueryRow(context.Background(), edit, s.Demo.TenantID, hour, int(partition)).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// isSharedOut holds the shares of a bill, an invoice or the draft, against it: nothing of it is missing, and nothing of what was counted.
func isSharedOut(t *testing.T, s *stack.Stack, number string, args ...string) {
	t.Helper()
	shares := &invoicev1.ShareOutResponse{}
	out := s.Run(t, append([]string{"usage", "attribution", "-o", "json"}, args...)...)
	if err := protojson.Unmarshal([]byte(out), shares); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	bill := &invoicev1.Bill{}
	if number == "" {
		draft, err := s.Invoices(s.Demo.APIKey).GetDraft(t.Context(), &invoicev1.GetDraftRequest{})
		if err != nil {
			t.Fatal(err)
		}
		bill = draft.GetBill()
	} else {
		res, err := s.Invoices(s.Demo.APIKey).Get(t.Context(), &invoicev1.GetRequest{InvoiceId: number})
		if err != nil {
			t.Fatal(err)
		}
		bill = res.GetInvoice().GetBill()
	}
	money, used := shares.GetRestMinor(), map[string]uint64{}
	for _, share := range shares.GetShares() {
		money += share.GetAmountMinor()
		for meter, n := range share.GetUsed() {
			used[meter] += n
		}
	}
	if money != bill.GetSubtotalMinor() || shares.GetNumber() != number {
		t.Errorf("%v: %d is shared out of %q, want %d of %q", args, money, shares.GetNumber(), bill.GetSubtotalMinor(), number)
	}
	for _, meter := range []string{"events", "points", "device_hours"} {
		if n := quantityOf(bill, meter); n == 0 || used[meter] != n {
			t.Errorf("%v: the cell attributes %d of %s, the bill has %d", args, used[meter], meter, n)
		}
	}
}
