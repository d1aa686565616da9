package catalog

import (
	"reflect"
	"testing"
)

func TestTopicsMatchAsInMQTT(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"v1/telemetry", "v1/telemetry", true},
		{"v1/telemetry", "v1/telemetry/x", false},
		{"v1/telemetry/x", "v1/telemetry", false},
		{"v1/devices/+/telemetry", "v1/devices/press_01/telemetry", true},
		{"v1/devices/+/telemetry", "v1/devices/press_01/other", false},
		{"v1/+", "v1/devices/press_01", false},
		{"v1/#", "v1/devices/press_01", true},
		{"v1/#", "v1", true},
		{"#", "v1/telemetry", true},
		{"+", "v1/telemetry", false},
		{"v2/#", "v1/telemetry", false},
	} {
		if got := matches(c.filter, c.topic); got != c.want {
			t.Errorf("%s matches %s: %t", c.filter, c.topic, got)
		}
	}
}

func TestADeviceIsHeldToAllOfItsGroups(t *testing.T) {
	t.Parallel()
	c := New()
	c.SetGroup(Group{Tenant: "a", ID: "wide", Topics: []string{"v1/#"}, PayloadBytes: 900})
	c.SetGroup(Group{Tenant: "a", ID: "narrow", Topics: []string{"v1/telemetry"}, PayloadBytes: 500})
	c.SetGroup(Group{Tenant: "a", ID: "free"})
	c.SetGroup(Group{Tenant: "b", ID: "narrow", PayloadBytes: 1})
	if p := c.Policy(Device{Tenant: "a", Groups: []string{"free", "unknown"}}); p != nil {
		t.Errorf("groups without a policy hold to %v", p)
	}
	p := c.Policy(Device{Tenant: "a", Groups: []string{"free", "narrow", "wide"}})
	want := &Policy{Topics: []TopicRule{{"narrow", []string{"v1/telemetry"}}, {"wide", []string{"v1/#"}}}, PayloadBytes: 500, PayloadGroup: "narrow"}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v", p)
	}
	if group, ok := p.Allows("v1/devices/x/telemetry"); ok || group != "narrow" {
		t.Errorf("%s, %t", group, ok)
	}
	if _, ok := p.Allows("v1/telemetry"); !ok {
		t.Error("what all groups allow is refused")
	}
}

func TestAGatewaySpeaksForDevicesAndGroups(t *testing.T) {
	t.Parallel()
	d := Device{SpeaksForDevices: []string{"press_01"}, SpeaksForGroups: []string{"north"}}
	if !d.SpeaksFor("press_01", nil) || !d.SpeaksFor("press_02", []string{"south", "north"}) || d.SpeaksFor("press_03", []string{"south"}) {
		t.Error("it speaks for others than it should")
	}
}
