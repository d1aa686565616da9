package controlplane_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	groupv1 "github.com/millwright-io/millwright/proto/gen/millwright/group/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// entry reads a catalog entry; it reports whether there is one.
func (s *stack) entry(t *testing.T, name string, into proto.Message) bool {
	b, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
	if err != nil {
		return false
	}
	e, err := b.Get(t.Context(), name)
	return err == nil && proto.Unmarshal(e.Value(), into) == nil
}

func TestGroupsFollowTheirDevices(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	groups, devices := s.groups(key), s.devices(key)
	create := func(device, facility string, labels map[string]string) {
		t.Helper()
		if _, err := devices.Create(t.Context(), &devicev1.CreateRequest{DeviceId: device, DeviceType: "press", Labels: labels, Location: &devicev1.Location{Facility: facility}}); err != nil {
			t.Fatal(err)
		}
	}
	members := func(group string) string {
		t.Helper()
		list, err := groups.ListMembers(t.Context(), &groupv1.ListMembersRequest{GroupId: group})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(list.GetDeviceIds(), ",")
	}
	create("press_01", "north", map[string]string{"line": "hot"})
	create("press_02", "north", nil)
	made, err := groups.Create(t.Context(), &groupv1.CreateRequest{
		GroupId: "hot", Query: `type == "press" && labels.line == "hot"`,
		Policy: &groupv1.Policy{Topics: []string{"v1/telemetry"}, PayloadBytes: 500, EventsPerSecond: 7, Commands: &groupv1.CommandRule{}},
	})
	if err != nil || made.GetGroup().GetMembers() != 1 || made.GetGroup().GetName() != "hot" {
		t.Fatalf("%v, %v", made, err)
	}
	create("press_03", "south", map[string]string{"line": "hot"})
	if got := members("hot"); got != "press_01,press_03" {
		t.Errorf("after a new device: %s", got)
	}
	if _, err := devices.Update(t.Context(), &devicev1.UpdateRequest{DeviceId: "press_02", Version: 1, Labels: map[string]string{"line": "hot"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := devices.Retire(t.Context(), &devicev1.RetireRequest{DeviceId: "press_01"}); err != nil {
		t.Fatal(err)
	}
	if got := members("hot"); got != "press_02,press_03" {
		t.Errorf("after a label came and a device was retired: %s", got)
	}
	var g catalogv1.Group
	var d catalogv1.Device
	eventually(t, "the cell knows group and members", func() bool {
		return s.entry(t, subject.GroupKey(id, "hot"), &g) && s.entry(t, subject.DeviceKey(id, "press_02"), &d) && slices.Equal(d.GetGroups(), []string{"hot"})
	})
	if g.GetPayloadBytes() != 500 || g.GetEventsPerSecond() != 7 || !g.GetCommandsLimited() || len(g.GetTopics()) != 1 {
		t.Errorf("catalog has %v", &g)
	}
	update := &groupv1.UpdateRequest{GroupId: "hot", Query: `location.facility == "south"`, Version: 1, Policy: &groupv1.Policy{PayloadBytes: 900}}
	if _, err := groups.Update(t.Context(), update); err != nil {
		t.Fatal(err)
	}
	if got := members("hot"); got != "press_03" {
		t.Errorf("after another query: %s", got)
	}
	eventually(t, "the cell knows who left", func() bool {
		return s.entry(t, subject.DeviceKey(id, "press_02"), &d) && len(d.GetGroups()) == 0
	})
	_, err = groups.Update(t.Context(), update)
	s.wants(t, connect.CodeAborted, "has been changed since version 1 and is at version 2 now", err)
	preview, err := groups.Preview(t.Context(), &groupv1.PreviewRequest{Query: `id.startsWith("press")`})
	if err != nil || preview.GetMatching() != 2 || preview.GetTotal() != 2 {
		t.Errorf("preview: %v, %v", preview, err)
	}
	for query, want := range map[string]string{
		`colour == "red"`: "query: line 1, column 1: undeclared reference to 'colour'",
		`labels.all(a, labels.all(b, labels.all(c, a+b+c != "")))`: "query: line 1, column 11: it may cost",
	} {
		_, err = groups.Preview(t.Context(), &groupv1.PreviewRequest{Query: query})
		s.wants(t, connect.CodeInvalidArgument, want, err)
		_, err = groups.Create(t.Context(), &groupv1.CreateRequest{GroupId: "bad", Query: query})
		s.wants(t, connect.CodeInvalidArgument, want, err)
	}
	_, err = groups.Create(t.Context(), &groupv1.CreateRequest{GroupId: "bad", Policy: &groupv1.Policy{Topics: []string{"v1/#/x"}}})
	s.wants(t, connect.CodeInvalidArgument, `policy.topics: "v1/#/x" is no topic filter`, err)
	_, err = groups.AddMembers(t.Context(), &groupv1.AddMembersRequest{GroupId: "hot", DeviceIds: []string{"press_02"}})
	s.wants(t, connect.CodeFailedPrecondition, "has the devices that its query finds", err)
	if _, err := groups.Delete(t.Context(), &groupv1.DeleteRequest{GroupId: "hot"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell forgot the group", func() bool {
		return !s.entry(t, subject.GroupKey(id, "hot"), &g) && s.entry(t, subject.DeviceKey(id, "press_03"), &d) && len(d.GetGroups()) == 0
	})
}

func TestGatewaysSpeakForDevicesAndGroups(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	_, other := s.found(t, "mallory", tenantv1.Role_ROLE_ADMIN)
	groups, gateways := s.groups(key), s.gateways(key)
	for _, device := range []string{"gw", "press_01", "press_02"} {
		if _, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: device, DeviceType: "press"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.devices(other).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "foreign", DeviceType: "press"}); err != nil {
		t.Fatal(err)
	}
	if _, err := groups.Create(t.Context(), &groupv1.CreateRequest{GroupId: "hall", Name: "Hall 3"}); err != nil {
		t.Fatal(err)
	}
	_, err := groups.AddMembers(t.Context(), &groupv1.AddMembersRequest{GroupId: "hall", DeviceIds: []string{"press_02", "foreign"}})
	s.wants(t, connect.CodeNotFound, "there is no device foreign", err)
	if res, err := groups.AddMembers(t.Context(), &groupv1.AddMembersRequest{GroupId: "hall", DeviceIds: []string{"press_02"}}); err != nil || res.GetGroup().GetMembers() != 1 {
		t.Fatalf("%v, %v", res, err)
	}
	set := func(devices, groups []string) error {
		_, err := gateways.Set(t.Context(), &devicev1.SetGatewayRequest{DeviceId: "gw", DeviceIds: devices, GroupIds: groups})
		return err
	}
	s.wants(t, connect.CodeNotFound, "there is no device foreign", set([]string{"foreign"}, nil))
	s.wants(t, connect.CodeNotFound, "group_ids: one of them is no group", set(nil, []string{"nothing"}))
	s.wants(t, connect.CodeInvalidArgument, "speaks for itself already", set([]string{"gw"}, nil))
	if err := set([]string{"press_01"}, []string{"hall"}); err != nil {
		t.Fatal(err)
	}
	got, err := gateways.Get(t.Context(), &devicev1.GetGatewayRequest{DeviceId: "press_02"})
	if err != nil || !slices.Equal(got.GetGateway().GetSpokenForBy(), []string{"gw"}) {
		t.Errorf("%v, %v", got, err)
	}
	var d catalogv1.Device
	eventually(t, "the cell knows the gateway", func() bool {
		return s.entry(t, subject.DeviceKey(id, "gw"), &d) && slices.Equal(d.GetSpeaksForDevices(), []string{"press_01"}) && slices.Equal(d.GetSpeaksForGroups(), []string{"hall"})
	})
	_, err = groups.Delete(t.Context(), &groupv1.DeleteRequest{GroupId: "hall"})
	s.wants(t, connect.CodeFailedPrecondition, "a gateway speaks for group hall", err)
	if list, err := groups.List(t.Context(), &groupv1.ListRequest{DeviceId: "press_02"}); err != nil || len(list.GetGroups()) != 1 || list.GetGroups()[0].GetName() != "Hall 3" {
		t.Errorf("%v, %v", list, err)
	}
	s.stop()
	s.start(t) // the whole truth at a start says the same
	eventually(t, "the cell still knows the gateway", func() bool {
		return s.entry(t, subject.DeviceKey(id, "gw"), &d) && len(d.GetSpeaksForGroups()) == 1
	})
}

// TestNoMemberIsMissedWhenQueriesAndDevicesChangeAtOnce makes devices while a group's query goes to and fro.
func TestNoMemberIsMissedWhenQueriesAndDevicesChangeAtOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	if _, err := s.groups(key).Create(t.Context(), &groupv1.CreateRequest{GroupId: "all", Query: `type == "press"`}); err != nil {
		t.Fatal(err)
	}
	const count = 40
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range count / 4 {
				if _, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: fmt.Sprintf("d_%d_%d", worker, i), DeviceType: "press"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		deadline := time.Now().Add(15 * time.Second)
		for version := int64(1); version < 10 && time.Now().Before(deadline); version++ {
			query := `type == "press"`
			if version%2 == 1 {
				query = `type == "press" && id != "x"`
			}
			if _, err := s.groups(key).Update(t.Context(), &groupv1.UpdateRequest{GroupId: "all", Query: query, Version: version}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if g, err := s.groups(key).Get(t.Context(), &groupv1.GetRequest{GroupId: "all"}); err != nil || g.GetGroup().GetMembers() != count {
		t.Errorf("%v, %v, want %d members", g, err, count)
	}
}
