package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/client"
	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/session"
	cellv1 "github.com/millwright-io/millwright/proto/gen/millwright/cell/v1"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// withoutVerb are the procedures that no verb calls, each with the reason. None at present.
var withoutVerb = map[string]string{}

// installation answers every procedure with an empty message, or one that the next question of a verb needs, and notes it.
type installation struct {
	url string

	mu     sync.Mutex
	called map[string]bool
}

func (i *installation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.called[r.URL.Path] = true
	i.mu.Unlock()
	answer := i.answer(r.URL.Path)
	if answer == nil {
		return // a file
	}
	body, err := proto.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/proto")
	_, _ = w.Write(body)
}

func (i *installation) answer(path string) proto.Message {
	tenant := &tenantv1.Tenant{TenantId: "abcdefghijklmnop", Slug: "acme", CellUrl: i.url, Settings: &tenantv1.Settings{}}
	switch path {
	case "/millwright.tenant.v1.TenantService/List":
		return &tenantv1.ListResponse{Memberships: []*tenantv1.Membership{{Tenant: tenant, Current: true}}}
	case "/millwright.tenant.v1.TenantService/Get":
		return &tenantv1.GetResponse{Tenant: tenant}
	case "/millwright.tenant.v1.TenantService/IssueCellToken":
		return &tenantv1.IssueCellTokenResponse{Token: "t", CellUrl: i.url, ExpiresAt: timestamppb.New(time.Now().Add(time.Hour))}
	case "/millwright.cell.v1.CellService/Enter":
		return &cellv1.EnterResponse{Token: "t", Url: i.url, ExpiresAt: timestamppb.New(time.Now().Add(time.Hour))}
	case "/millwright.facility.v1.FacilityService/List":
		return &facilityv1.ListResponse{Places: []*facilityv1.Place{{PlaceId: "n", Name: "north"}, {PlaceId: "s", Name: "south"}}}
	case "/millwright.member.v1.MemberService/List":
		return &memberv1.ListResponse{Members: []*memberv1.Member{{MemberId: "ada", Email: "ada@example.com"}}}
	case "/millwright.member.v1.MemberService/ListInvitations":
		return &memberv1.ListInvitationsResponse{Invitations: []*memberv1.Invitation{{InvitationId: "i", Email: "guest@example.com"}}}
	}
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "."))
	method, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil
	}
	return dynamicpb.NewMessage(method.(protoreflect.MethodDescriptor).Output())
}

// TestEveryProcedureHasAVerb runs every line of testdata/uses.txt, which takes every verb once, against an installation that
// notes what it is asked. FILE, SCHEMA and DIR in a line are paths that the test makes.
func TestEveryProcedureHasAVerb(t *testing.T) {
	t.Parallel()
	seen := &installation{called: map[string]bool{}}
	server := httptest.NewServer(seen)
	t.Cleanup(server.Close)
	seen.url = server.URL
	dir := t.TempDir()
	for name, text := range map[string]string{"file": "device\tmessage\t2026-01-01T00:00:00Z\n", "schema": "{}"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	paths := strings.NewReplacer("FILE", filepath.Join(dir, "file"), "SCHEMA", filepath.Join(dir, "schema"), "DIR", dir)
	uses, err := os.ReadFile(filepath.Join("testdata", "uses.txt"))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MILLWRIGHT_SERVER": server.URL, "MILLWRIGHT_SESSION": filepath.Join(dir, "session.json")}
	getenv := func(name string) string { return env[name] }
	store, err := session.Open(env["MILLWRIGHT_SESSION"], getenv)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Put(session.Session{Server: server.URL, Email: "ada@example.com", Token: "t"}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(uses)), "\n")
	for _, line := range lines {
		var out, errs bytes.Buffer
		args := strings.Fields(paths.Replace(line))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		code := verbs().Main(ctx, command.Env{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: getenv, Now: time.Now}, args)
		cancel()
		if code == command.ExitUsage || code == command.ExitUnreachable {
			t.Errorf("%s: exit %d: %s", line, code, errs.String())
		}
	}
	for _, c := range client.Commands() {
		signs := slices.Contains([]string{"login", "logout", "whoami"}, c.Name) // they ask the identity server
		if !signs && !slices.ContainsFunc(lines, func(line string) bool { return line == c.Name || strings.HasPrefix(line, c.Name+" ") }) {
			t.Errorf("the list of uses lacks `%s`", c.Name)
		}
	}
	for _, procedure := range tenancy.Procedures() {
		why, excused := withoutVerb[procedure]
		if called := seen.called[procedure]; called == excused {
			t.Errorf("%s: called by a verb: %v; excused: %q", procedure, called, why)
		}
	}
}
