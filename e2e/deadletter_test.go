package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/e2e/stack"
	deadletterv1 "github.com/millwright-io/millwright/proto/gen/millwright/deadletter/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

var letterLine = regexp.MustCompile(`(?m)^(gateway-0-\d+-0) .*clerk.*\n?`)

// putDeadLetterRight sends a message that is refused, mends it, and replays it twice: it is stored once, and usage,
// windows and dead letters are what a recount finds.
func putDeadLetterRight(t *testing.T, s *stack.Stack) {
	dir := newDevice(t, s, "clerk")
	client := stack.DeviceHTTP(t, dir)
	res, err := client.Post(s.Demo.IngestURL, "application/json", strings.NewReader(`{"sequence":41,"measurements":{"temp":"21.5"}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	id := ""
	stack.Eventually(t, 10*time.Second, "the dead letter", func() error {
		out := s.Run(t, "dead-letter", "list", "clerk", "--state", "open")
		found := letterLine.FindStringSubmatch(out)
		if found == nil {
			return fmt.Errorf("listed %q", out)
		}
		id = found[1]
		return nil
	})
	if out := s.Run(t, "dead-letter", "show", id); !strings.Contains(out, "wrong_type") || !strings.Contains(out, `"temp":"21.5"`) {
		t.Errorf("show printed %q", out)
	}
	edit := []string{"--rename", "measurements.temp=measurements.temperature", "--scale", "measurements.temp=1"}
	if out := s.Run(t, append([]string{"dead-letter", "replay", id, "--preview"}, edit...)...); !strings.Contains(out, "temperature=21.5 id /41") {
		t.Errorf("preview printed %q", out)
	}
	if storedPoints(t, s, "clerk", "temperature") != 0 {
		t.Error("a preview stored something")
	}
	for _, want := range []string{"replayed 1, already replayed 0, refused 0, events 1\n", "replayed 0, already replayed 1, refused 0, events 0\n"} {
		if out := s.Run(t, append([]string{"dead-letter", "replay", id}, edit...)...); out != want {
			t.Errorf("replay printed %q, want %q", out, want)
		}
	}
	// The device sends the same message again, right this time: it counts once with the replayed one.
	res, err = client.Post(s.Demo.IngestURL, "application/json", strings.NewReader(`{"sequence":41,"measurements":{"temperature":21.5}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	stack.Eventually(t, 15*time.Second, "the event is stored", func() error {
		if n := storedPoints(t, s, "clerk", "temperature"); n != 1 {
			return fmt.Errorf("stored %d times", n)
		}
		return nil
	})

	key, err := s.Keys(s.Demo.APIKey).Create(context.Background(), &keyv1.CreateRequest{Name: "looks on", Role: tenantv1.Role_ROLE_VIEWER})
	if err != nil {
		t.Fatal(err)
	}
	stack.Eventually(t, 10*time.Second, "a viewer may not discard", func() error {
		_, err := s.DeadLetters(key.GetSecret()).Discard(context.Background(), &deadletterv1.DiscardRequest{
			Selection: &deadletterv1.Selection{Ids: []string{id}}, Reason: "mischief",
		})
		if connect.CodeOf(err) != connect.CodePermissionDenied {
			return fmt.Errorf("the answer is %w", err)
		}
		return nil
	})
	verifyCell(t, s)
}
