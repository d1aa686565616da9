package bulk

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
)

func TestABadRowDoesNotLoseTheOthers(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("\ufeffdevice_id,device_type,facility,line,label:site\r\n")
	for i := range 9_000 {
		if i == 6_998 { // line 7000
			b.WriteString("bad id,press,north,a,x\r\n")
			continue
		}
		fmt.Fprintf(&b, "press_%d,press,north,a,\"Hall, %d\"\r\n", i, i)
	}
	columns, items, err := parse(b.String())
	if err != nil || len(items) != 9_000 || len(columns) != 5 {
		t.Fatalf("%d items, %v, %v", len(items), columns, err)
	}
	bad := 0
	for _, i := range items {
		if i.Error != "" {
			bad++
		}
	}
	if bad != 1 || items[6_998].Number != 7_000 || !strings.HasPrefix(items[6_998].Error, `device_id "bad id": want letters`) {
		t.Errorf("%d bad, %+v", bad, items[6_998])
	}
	if items[0].Name != "press_0" || !strings.Contains(items[0].Input, `"site":"Hall, 0"`) {
		t.Errorf("%+v", items[0])
	}
}

func TestRowsThatAreWrongSayWhy(t *testing.T) {
	t.Parallel()
	_, items, err := parse(strings.Join([]string{
		"device_id;device_type;facility;line;label:site",
		"a;press;north;;",
		"b;press",
		"a;press;north;;",
		"c;;north;;",
		"d;press;;line;",
		"e;press;\u202enorth;;",
		`f;pr"ess;north;;`,
		"g;press;north;;" + strings.Repeat("x", 200),
		"h;press;north;;",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"", "it has 2 fields and the first line 5", "device_id: a stands in line 2 already", `device_type ""`,
		"location: a line belongs to a facility", "location.facility: character 1 is U+202E", `line 8, column 5: bare "`,
		"labels.site: it has 200 characters and 128 are allowed", "",
	} {
		if got := items[i]; got.Number != i+2 || (want == "") != (got.Error == "") || !strings.Contains(got.Error, want) {
			t.Errorf("row %d: %+v, want %s", i, got, want)
		}
	}
}

func TestAFileThatIsWrongAsAWholeIsRefused(t *testing.T) {
	t.Parallel()
	const head = "device_id,device_type\n"
	for text, want := range map[string]string{
		"":                                 "the file is empty",
		head:                               "no row below its first line",
		"device_id\na\n":                   "no column device_type",
		"device_id,device_type,x\n":        `column 3 is "x": want device_id`,
		"device_id,device_id\n":            `column "device_id" is there twice`,
		"device_id,device_type,label:-a\n": "column 3 is \"label:-a\": a label's name",
		head + strings.Repeat("a,press\n", 10_001):        "limit import_rows of file: 10001 of 10000",
		"device_id,device_type" + strings.Repeat(",", 80): "it has 82 columns and 64 are allowed",
	} {
		_, _, err := parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || (!errors.Is(err, tenancy.ErrInvalid) && !errors.Is(err, tenancy.ErrOverLimit)) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}
