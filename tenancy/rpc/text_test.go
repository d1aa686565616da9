package rpc

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	"github.com/millwright-io/millwright/tenancy"
)

func TestAZeroByteIsRefusedByTheNameOfItsField(t *testing.T) {
	const bad = "press\x0001"
	for want, m := range map[string]proto.Message{
		"device_id:":     &devicev1.CreateRequest{DeviceId: bad},
		"location.line:": &devicev1.CreateRequest{DeviceId: "press", Location: &devicev1.Location{Line: bad}},
		"labels:":        &devicev1.CreateRequest{Labels: map[string]string{"owner": "ada", "line": bad}},
		"metadata:":      &devicev1.CreateRequest{Metadata: map[string]string{bad: "value"}},
		"":               &devicev1.CreateRequest{DeviceId: "press", Labels: map[string]string{"owner": "ada"}},
	} {
		switch err := checkText(m); {
		case want == "" && err != nil:
			t.Errorf("%v: %v", m, err)
		case want != "" && (!errors.Is(err, tenancy.ErrInvalid) || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%v: %v, want %s", m, err, want)
		}
	}
}
