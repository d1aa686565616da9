package verify

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
)

// chained is a log of n entries as a server writes it.
func chained(tenant string, n int) []*auditv1.Entry {
	var all []*auditv1.Entry
	last := make([]byte, sha256.Size)
	for i := range n {
		e := &auditv1.Entry{
			Number: int64(i + 1), OccurredAt: timestamppb.New(time.Date(2026, 1, 2, 3, 4, i, 123456000, time.UTC)), Actor: "ada@example.com",
			Action: "millwright.device.v1.DeviceService/Suspend", Object: fmt.Sprintf("device/press_%d", i), Outcome: "ok",
			BeforeJson: `{"status":"active"}`, AfterJson: `{"status":"suspended"}`, RemoteAddress: "10.0.0.1", RequestId: "r",
		}
		last = AuditHash(tenant, last, e)
		e.Hash = last
		all = append(all, e)
	}
	return all
}

func export(t *testing.T, all []*auditv1.Entry) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	for _, e := range all {
		line, err := protojson.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	return &out
}

func TestAnyChangeOfTheAuditLogIsFound(t *testing.T) {
	t.Parallel()
	whole := chained("a", 10)
	noted := fmt.Sprintf("%x", whole[6].GetHash())
	rechained := func(all []*auditv1.Entry) []*auditv1.Entry {
		last := make([]byte, sha256.Size)
		for i, e := range all {
			e.Number = int64(i + 1)
			last = AuditHash("a", last, e)
			e.Hash = last
		}
		return all
	}
	for name, c := range map[string]struct {
		change func([]*auditv1.Entry) []*auditv1.Entry
		tenant string
		want   string
	}{
		"nothing":        {func(all []*auditv1.Entry) []*auditv1.Entry { return all }, "a", ""},
		"another tenant": {func(all []*auditv1.Entry) []*auditv1.Entry { return all }, "b", "entry 1 has the hash"},
		"an actor":       {func(all []*auditv1.Entry) []*auditv1.Entry { all[4].Actor = "eve"; return all }, "a", "entry 5 has the hash"},
		"the time":       {func(all []*auditv1.Entry) []*auditv1.Entry { all[4].OccurredAt.Nanos += 1000; return all }, "a", "entry 5 has the hash"},
		"a moved border": {func(all []*auditv1.Entry) []*auditv1.Entry {
			all[4].Actor += "m"
			all[4].Action = all[4].Action[1:]
			return all
		}, "a", "entry 5 has the hash"},
		"a hole":          {func(all []*auditv1.Entry) []*auditv1.Entry { return slices.Delete(all, 3, 4) }, "a", "entry 5 stands where entry 4 should"},
		"a swap":          {func(all []*auditv1.Entry) []*auditv1.Entry { all[3], all[4] = all[4], all[3]; return all }, "a", "entry 5 stands where entry 4 should"},
		"a cut end":       {func(all []*auditv1.Entry) []*auditv1.Entry { return all[:5] }, "a", "the end was cut off"},
		"all hashes anew": {func(all []*auditv1.Entry) []*auditv1.Entry { all[2].Actor = "eve"; return rechained(all) }, "a", "written anew"},
	} {
		var all []*auditv1.Entry
		for _, e := range whole {
			all = append(all, proto.CloneOf(e))
		}
		var out strings.Builder
		err := Audit(export(t, c.change(all)), c.tenant, 7, noted, &out)
		if c.want == "" && (err != nil || !strings.HasPrefix(out.String(), "entries 10, broken 0")) {
			t.Errorf("%s: %v, printed %s", name, err, out.String())
		}
		if c.want != "" && (!errors.Is(err, command.ErrReported) || !strings.Contains(out.String(), c.want)) {
			t.Errorf("%s: %v, printed %s; want %s", name, err, out.String(), c.want)
		}
	}
	if err := Audit(strings.NewReader("{\"number\":1,"), "a", 0, "", &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "line 1 is no audit entry") {
		t.Errorf("a line that is cut off: %v", err)
	}
}
