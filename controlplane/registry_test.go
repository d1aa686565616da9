package controlplane_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	devicetypev1 "github.com/millwright-io/millwright/proto/gen/millwright/devicetype/v1"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// refused checks a refusal's code and words.
func refused(t *testing.T, err error, code connect.Code, words string) {
	t.Helper()
	if connect.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want %s: %s", err, code, words)
	}
}

// detail returns an error's detail of that kind.
func detail[M proto.Message](t *testing.T, err error) (m M) {
	t.Helper()
	answer := (*connect.Error)(nil)
	if !errors.As(err, &answer) {
		t.Fatalf("no refusal: %v", err)
	}
	for _, d := range answer.Details() {
		if v, err := d.Value(); err == nil {
			if found, ok := v.(M); ok {
				return found
			}
		}
	}
	t.Fatalf("%v has no %T", err, m)
	return m
}

func (s *stack) registered(t *testing.T, a as, req *devicev1.CreateRequest) *devicev1.Device {
	t.Helper()
	res, err := s.devices(a).Create(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return res.GetDevice()
}

func TestTwoPeopleEditADeviceAtOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	d := s.registered(t, key, &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press", Labels: map[string]string{"shift": "day"}})
	first, err := s.devices(key).Update(t.Context(), &devicev1.UpdateRequest{DeviceId: "press_01", Version: d.GetVersion(), Firmware: "1.1"})
	if err != nil || first.GetDevice().GetVersion() != 2 || first.GetDevice().GetLabels()["shift"] != "day" {
		t.Fatalf("%v, %v", first, err)
	}
	_, err = s.devices(key).Update(t.Context(), &devicev1.UpdateRequest{DeviceId: "press_01", Version: d.GetVersion(), Labels: map[string]string{"shift": "night"}})
	refused(t, err, connect.CodeAborted, "device press_01 has been changed since version 1 and is at version 2 now")
	both := detail[*devicev1.Conflict](t, err)
	if both.GetCurrent().GetFirmware() != "1.1" || both.GetCurrent().GetLabels()["shift"] != "day" || both.GetYours().GetLabels()["shift"] != "night" {
		t.Errorf("both versions: %v", both)
	}
	// Of many at once from one version, one wins.
	won := make(chan bool)
	for range 8 {
		go func() {
			_, err := s.devices(key).Update(t.Context(), &devicev1.UpdateRequest{DeviceId: "press_01", Version: 2, Firmware: "1.2"})
			if err != nil && connect.CodeOf(err) != connect.CodeAborted {
				t.Errorf("%v", err)
			}
			won <- err == nil
		}()
	}
	wins := 0
	for range 8 {
		if <-won {
			wins++
		}
	}
	if wins != 1 {
		t.Errorf("%d of 8 changes from one version were made", wins)
	}
	got, err := s.devices(key).Update(t.Context(), &devicev1.UpdateRequest{DeviceId: "press_01", Version: 3, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels", "firmware"}}})
	if err != nil || len(got.GetDevice().GetLabels()) != 0 || got.GetDevice().GetFirmware() != "" {
		t.Errorf("emptied: %v, %v", got, err)
	}
	_, err = s.devices(key).Update(t.Context(), &devicev1.UpdateRequest{DeviceId: "press_01", Version: 4, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"status"}}})
	refused(t, err, connect.CodeInvalidArgument, `update_mask: "status" cannot be changed`)
}

func TestARetiredDeviceStaysRetired(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	s.registered(t, key, &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press"})
	devices := s.devices(key)
	for range 2 {
		res, err := devices.Retire(t.Context(), &devicev1.RetireRequest{DeviceId: "press_01"})
		if err != nil || res.GetDevice().GetStatus() != devicev1.DeviceStatus_DEVICE_STATUS_RETIRED || res.GetDevice().GetRetiredAt() == nil ||
			res.GetDevice().GetCertificates()[0].GetStatus() != devicev1.CertificateStatus_CERTIFICATE_STATUS_REVOKED {
			t.Fatalf("%v, %v", res, err)
		}
	}
	eventually(t, "the cell knows", func() bool {
		b, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
		if err != nil {
			return false
		}
		e, err := b.Get(t.Context(), subject.DeviceKey(id, "press_01"))
		var m catalogv1.Device
		return err == nil && proto.Unmarshal(e.Value(), &m) == nil && m.GetRetired()
	})
	_, err := devices.Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press"})
	refused(t, err, connect.CodeAlreadyExists, "choose another id")
	_, err = devices.Resume(t.Context(), &devicev1.ResumeRequest{DeviceId: "press_01"})
	refused(t, err, connect.CodeFailedPrecondition, "device press_01 was retired on ")
	_, err = devices.IssueCertificate(t.Context(), &devicev1.IssueCertificateRequest{DeviceId: "press_01"})
	refused(t, err, connect.CodeFailedPrecondition, "device press_01 was retired on ")
	_, err = devices.Update(t.Context(), &devicev1.UpdateRequest{DeviceId: "press_01", Version: 2, Firmware: "2"})
	refused(t, err, connect.CodeFailedPrecondition, "device press_01 was retired on ")
	for want, req := range map[int32]*devicev1.ListRequest{0: {}, 1: {Statuses: []devicev1.DeviceStatus{devicev1.DeviceStatus_DEVICE_STATUS_RETIRED}}} {
		if res, err := devices.List(t.Context(), req); err != nil || res.GetTotal() != want || len(res.GetDevices()) != int(want) {
			t.Errorf("%v: %v, %v", req, res, err)
		}
	}
}

func TestDevicesAreFound(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	for _, d := range []*devicev1.CreateRequest{
		{DeviceId: "Press_01", DeviceType: "press", Location: &devicev1.Location{Facility: "north", Line: "a", Station: "1"}, Labels: map[string]string{"shift": "day", "old": ""}},
		{DeviceId: "press_02", DeviceType: "press", Location: &devicev1.Location{Facility: "north", Line: "b"}, Labels: map[string]string{"shift": "night"}, Firmware: "1.2"},
		{DeviceId: "pump_01", DeviceType: "pump", Location: &devicev1.Location{Facility: "south", Line: "a"}, Labels: map[string]string{"shift": "day"}, Firmware: "1.2"},
	} {
		s.registered(t, key, d)
	}
	if _, err := s.devices(key).Suspend(t.Context(), &devicev1.SuspendRequest{DeviceId: "pump_01"}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"": "Press_01 press_02 pump_01", "query=PRESS": "Press_01 press_02", "query=_01": "Press_01 pump_01", "query=%25": "",
		"deviceTypes=pump": "pump_01", "deviceTypes=pump&deviceTypes=press": "Press_01 press_02 pump_01",
		"statuses=DEVICE_STATUS_SUSPENDED": "pump_01", "statuses=DEVICE_STATUS_ACTIVE&statuses=DEVICE_STATUS_RETIRED": "Press_01 press_02",
		"facility=north": "Press_01 press_02", "facility=north&line=a": "Press_01", "facility=north&line=a&station=2": "",
		"labels=shift%3Dday": "Press_01 pump_01", "labels=old": "Press_01", "labels=shift%3Dday&labels=old%3D": "Press_01", "labels=shift%3D": "",
		"firmware=1.2": "press_02 pump_01", "firmware=1.2&query=press": "press_02",
		"deviceIds=pump_01&deviceIds=nothing": "pump_01", "exceptDeviceIds=pump_01": "Press_01 press_02", "deviceIds=pump_01&query=press": "",
	} {
		var seen []string
		status, body := call(t, key, http.MethodGet, s.url+"/api/v1/devices?"+query, nil)
		for _, id := range []string{"Press_01", "press_02", "pump_01"} {
			if strings.Contains(body, `"deviceId":"`+id+`"`) {
				seen = append(seen, id)
			}
		}
		if status != http.StatusOK || strings.Join(seen, " ") != want {
			t.Errorf("%s: %d %v, want %s", query, status, seen, want)
		}
	}
	page, err := s.devices(key).List(t.Context(), &devicev1.ListRequest{PageSize: 2, Query: "_01"})
	if err != nil || page.GetTotal() != 2 || page.GetNextPageToken() != "" {
		t.Errorf("%v, %v", page, err)
	}
	first, err := s.devices(key).List(t.Context(), &devicev1.ListRequest{PageSize: 1, Query: "_01"})
	if err != nil || first.GetTotal() != 2 || first.GetTotalIsMinimum() {
		t.Fatalf("%v, %v", first, err)
	}
	second, err := s.devices(key).List(t.Context(), &devicev1.ListRequest{PageSize: 1, Query: "_01", PageToken: first.GetNextPageToken()})
	if err != nil || len(second.GetDevices()) != 1 || second.GetDevices()[0].GetDeviceId() == first.GetDevices()[0].GetDeviceId() || second.GetNextPageToken() != "" {
		t.Errorf("%v, %v", second, err)
	}
	_, err = s.devices(key).List(t.Context(), &devicev1.ListRequest{Line: "a"})
	refused(t, err, connect.CodeInvalidArgument, "a line is looked for in its facility")
	_, err = s.devices(key).List(t.Context(), &devicev1.ListRequest{Order: devicev1.DeviceOrder_DEVICE_ORDER_TYPE, PageToken: first.GetNextPageToken()})
	refused(t, err, connect.CodeInvalidArgument, "page_token is of another order")
}

func TestDevicesComeInTheOrderAskedForOverAllPages(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	for _, d := range []struct{ id, kind, facility, line string }{
		{"d1", "press", "north/2", "a"}, {"d2", "pump", "north", "b"}, {"d3", "press", "north", "a"}, {"d4", "oven", "", ""}, {"d5", "press", "north", "a"},
	} {
		s.registered(t, key, &devicev1.CreateRequest{DeviceId: d.id, DeviceType: d.kind, Location: &devicev1.Location{Facility: d.facility, Line: d.line}})
	}
	for _, c := range []struct {
		order devicev1.DeviceOrder
		want  string
	}{
		{devicev1.DeviceOrder_DEVICE_ORDER_UNSPECIFIED, "d1 d2 d3 d4 d5"},
		{devicev1.DeviceOrder_DEVICE_ORDER_TYPE, "d4 d1 d3 d5 d2"},
		{devicev1.DeviceOrder_DEVICE_ORDER_LOCATION, "d4 d3 d5 d2 d1"},
	} {
		for _, descending := range []bool{false, true} {
			var got []string
			req := &devicev1.ListRequest{PageSize: 2, Order: c.order, Descending: descending}
			for {
				page, err := s.devices(key).List(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range page.GetDevices() {
					got = append(got, d.GetDeviceId())
				}
				if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
					break
				}
			}
			want := strings.Fields(c.want)
			if descending {
				slices.Reverse(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, descending %t: %v, want %v", c.order, descending, got, want)
			}
		}
	}
}

func TestADeviceTypeReachesTheCellAndOutlivesNoDevice(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	types := s.types(key)
	s.registered(t, key, &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press"})
	made, err := types.Get(t.Context(), &devicetypev1.GetRequest{DeviceType: "press"})
	if err != nil || made.GetDeviceType().GetDevices() != 1 || made.GetDeviceType().GetUnknownMeasurements() != devicetypev1.UnknownMeasurements_UNKNOWN_MEASUREMENTS_ACCEPT {
		t.Fatalf("the type that the device named: %v, %v", made, err)
	}
	force := &devicetypev1.Measurement{Name: "force", Unit: "kN", Minimum: proto.Float64(0), Maximum: proto.Float64(250), Precision: proto.Int32(1)}
	update := &devicetypev1.UpdateRequest{DeviceType: "press", Version: 1, Measurements: []*devicetypev1.Measurement{force}, UnknownMeasurements: devicetypev1.UnknownMeasurements_UNKNOWN_MEASUREMENTS_DROP}
	if _, err := types.Update(t.Context(), update); err != nil {
		t.Fatal(err)
	}
	_, err = types.Update(t.Context(), update)
	refused(t, err, connect.CodeAborted, "device type press has been changed since version 1 and is at version 2 now")
	if both := detail[*devicetypev1.Conflict](t, err); both.GetCurrent().GetVersion() != 2 || both.GetYours().GetVersion() != 1 {
		t.Errorf("both versions: %v", both)
	}
	eventually(t, "the cell knows", func() bool {
		b, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
		if err != nil {
			return false
		}
		e, err := b.Get(t.Context(), subject.TypeKey(id, "press"))
		var m catalogv1.DeviceType
		return err == nil && proto.Unmarshal(e.Value(), &m) == nil && m.GetUnknown() == catalogv1.Unknown_UNKNOWN_DROP &&
			len(m.GetMeasurements()) == 1 && m.GetMeasurements()[0].GetMaximum() == 250
	})
	_, err = types.Delete(t.Context(), &devicetypev1.DeleteRequest{DeviceType: "press"})
	refused(t, err, connect.CodeFailedPrecondition, "device type press is that of 1 devices")
	for words, m := range map[string]*devicetypev1.Measurement{
		"the minimum of a, 2, is above its maximum, 1": {Name: "a", Minimum: proto.Float64(2), Maximum: proto.Float64(1)},
		`"force" is listed already`:                    force,
		"write it as it is stored":                     {Name: "a b"},
		"an invisible":                                 {Name: "a\u200bb"},
	} {
		_, err = types.Create(t.Context(), &devicetypev1.CreateRequest{DeviceType: "new", Measurements: []*devicetypev1.Measurement{force, m}})
		if words == "an invisible" {
			words = "invisible"
		}
		refused(t, err, connect.CodeInvalidArgument, words)
	}
	if _, err := types.Create(t.Context(), &devicetypev1.CreateRequest{DeviceType: "new", Measurements: []*devicetypev1.Measurement{force}}); err != nil {
		t.Fatal(err)
	}
	if _, err := types.Delete(t.Context(), &devicetypev1.DeleteRequest{DeviceType: "new"}); err != nil {
		t.Fatal(err)
	}
}

func TestPlacesAreATreeAndTakeTheirDevicesAlong(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	places := s.places(key)
	s.registered(t, key, &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press", Location: &devicev1.Location{Facility: "north", Line: "a", Station: "1"}})
	create := func(parent, name string) *facilityv1.Place {
		t.Helper()
		res, err := places.Create(t.Context(), &facilityv1.CreateRequest{ParentId: parent, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetPlace()
	}
	all := func() map[string]*facilityv1.Place {
		res, err := places.List(t.Context(), &facilityv1.ListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		by := map[string]*facilityv1.Place{}
		for _, p := range res.GetPlaces() {
			by[p.GetName()] = p
		}
		return by
	}
	tree := all()
	if len(tree) != 3 || tree["north"].GetDevices() != 1 || tree["1"].GetKind() != facilityv1.PlaceKind_PLACE_KIND_STATION || tree["1"].GetParentId() != tree["a"].GetPlaceId() {
		t.Fatalf("the places that the device named: %v", tree)
	}
	south := create("", "south")
	line := create(south.GetPlaceId(), "b")
	_, err := places.Create(t.Context(), &facilityv1.CreateRequest{ParentId: south.GetPlaceId(), Name: "B"})
	refused(t, err, connect.CodeAlreadyExists, "there is a line B here already, in this case or another")
	_, err = places.Create(t.Context(), &facilityv1.CreateRequest{ParentId: tree["1"].GetPlaceId(), Name: "x"})
	refused(t, err, connect.CodeInvalidArgument, "1 is a station, in which nothing stands")
	_, err = places.Move(t.Context(), &facilityv1.MoveRequest{PlaceId: south.GetPlaceId(), ParentId: line.GetPlaceId()})
	refused(t, err, connect.CodeInvalidArgument, "south would come to stand in itself")
	_, err = places.Move(t.Context(), &facilityv1.MoveRequest{PlaceId: tree["1"].GetPlaceId(), ParentId: south.GetPlaceId()})
	refused(t, err, connect.CodeInvalidArgument, "a station cannot stand in a facility")
	_, err = places.Delete(t.Context(), &facilityv1.DeleteRequest{PlaceId: tree["1"].GetPlaceId()})
	refused(t, err, connect.CodeFailedPrecondition, "0 places and 1 devices are in it")
	_, err = s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "x", DeviceType: "press", Location: &devicev1.Location{Facility: "North"}})
	refused(t, err, connect.CodeInvalidArgument, "there is a facility north, which differs from North only in case")

	s.join(t, "bob", &memberv1.InviteRequest{Email: "bob@example.com", Role: tenantv1.Role_ROLE_VIEWER, Facilities: []string{"north"}})
	bob := as{cookie: "bob"}
	_, err = places.Update(t.Context(), &facilityv1.UpdateRequest{
		PlaceId: tree["north"].GetPlaceId(), Version: 1, Name: "nord", Coordinates: &facilityv1.Coordinates{Latitude: 53.5, Longitude: 10},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = places.Update(t.Context(), &facilityv1.UpdateRequest{PlaceId: tree["north"].GetPlaceId(), Version: 1, Name: "norden"})
	refused(t, err, connect.CodeAborted, "facility nord has been changed since version 1 and is at version 2 now")
	if both := detail[*facilityv1.Conflict](t, err); both.GetCurrent().GetName() != "nord" || both.GetYours().GetName() != "norden" {
		t.Errorf("both versions: %v", both)
	}
	if _, err := places.Move(t.Context(), &facilityv1.MoveRequest{PlaceId: tree["1"].GetPlaceId(), ParentId: line.GetPlaceId()}); err != nil {
		t.Fatal(err)
	}
	d, err := s.devices(key).Get(t.Context(), &devicev1.GetRequest{DeviceId: "press_01"})
	if l := d.GetDevice().GetLocation(); err != nil || l.GetFacility() != "south" || l.GetLine() != "b" || l.GetStation() != "1" || d.GetDevice().GetVersion() != 3 {
		t.Errorf("the device: %v, %v", d, err)
	}
	if now := all(); now["south"].GetDevices() != 1 || now["nord"].GetDevices() != 0 || now["nord"].GetCoordinates().GetLatitude() != 53.5 {
		t.Errorf("%v", now)
	}
	seen, err := s.places(bob).List(t.Context(), &facilityv1.ListRequest{})
	if err != nil || len(seen.GetPlaces()) != 2 || seen.GetPlaces()[0].GetName() != "nord" {
		t.Errorf("who is confined to the renamed facility sees %v, %v", seen, err)
	}
	if _, err := places.Delete(t.Context(), &facilityv1.DeleteRequest{PlaceId: tree["a"].GetPlaceId()}); err != nil {
		t.Fatal(err)
	}
	_, err = places.Delete(t.Context(), &facilityv1.DeleteRequest{PlaceId: tree["north"].GetPlaceId()})
	refused(t, err, connect.CodeFailedPrecondition, "1 people and 0 keys or service accounts are confined to it")
}

func TestTricksWithNamesAreRefused(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	long := strings.Repeat("x", 1<<20)
	for words, req := range map[string]*devicev1.CreateRequest{
		"device_id: ":         {DeviceId: "pr\u0435ss", DeviceType: "press"},
		"device_type: ":       {DeviceId: "a", DeviceType: long},
		"location.facility: ": {DeviceId: "a", DeviceType: "press", Location: &devicev1.Location{Facility: long}},
		"location.line: a word mixes Latin and Cyrillic letters": {DeviceId: "a", DeviceType: "press", Location: &devicev1.Location{Facility: "north", Line: "l\u0456ne"}},
		"labels.shift: character 4 is U+202E":                    {DeviceId: "a", DeviceType: "press", Labels: map[string]string{"shift": "day\u202e"}},
		"labels":                                                 {DeviceId: "a", DeviceType: "press", Labels: map[string]string{"sh ift": "day"}},
		"labels[":                                                {DeviceId: "a", DeviceType: "press", Labels: map[string]string{"shift": long}},
		"location: a line belongs to a facility":                 {DeviceId: "a", DeviceType: "press", Location: &devicev1.Location{Line: "a"}},
	} {
		_, err := s.devices(key).Create(t.Context(), req)
		refused(t, err, connect.CodeInvalidArgument, words)
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("the refusal has %d characters", len(err.Error()))
		}
	}
	if res, err := s.places(key).List(t.Context(), &facilityv1.ListRequest{}); err != nil || len(res.GetPlaces()) != 0 {
		t.Errorf("refused devices left places: %v, %v", res, err)
	}
}
