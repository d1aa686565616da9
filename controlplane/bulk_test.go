package controlplane_test

import (
	"archive/zip"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	groupv1 "github.com/millwright-io/millwright/proto/gen/millwright/group/v1"
	jobv1 "github.com/millwright-io/millwright/proto/gen/millwright/job/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// jobEnds waits for the end of a job, for which there is time.
func (s *stack) jobEnds(t *testing.T, who as, id string) *jobv1.Job {
	t.Helper()
	deadline := time.NewTimer(10 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		res, err := s.jobs(who).Get(t.Context(), &jobv1.GetRequest{JobId: id})
		if err != nil {
			t.Fatal(err)
		}
		if res.GetJob().GetState() != jobv1.JobState_JOB_STATE_RUNNING {
			return res.GetJob()
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("the job does not end: %v", res.GetJob())
		}
	}
}

func (s *stack) take(t *testing.T, who as, id, form string) (int, []byte) {
	t.Helper()
	status, body := call(t, who, http.MethodPost, s.url+"/api/v1/jobs/"+id+"/credentials?format="+form, nil)
	return status, []byte(body)
}

func TestAnImportKeepsTheGoodRowsAndTellsOfTheOthers(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	_, mallory := s.found(t, "mallory", tenantv1.Role_ROLE_ADMIN)
	ada := as{cookie: "ada"}
	if _, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_02", DeviceType: "press"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.groups(key).Create(t.Context(), &groupv1.CreateRequest{GroupId: "hot", Query: `labels.zone == "hot"`}); err != nil {
		t.Fatal(err)
	}
	file := "device_id,device_type,facility,line,label:zone,csr\n" +
		"press_01,press,north,a,hot,\n" + "press_02,press,north,a,hot,\n" + "press 03,press,north,a,hot,\n" +
		"press_04,press,north,a,cold,rubbish\n" + "press_05,press,north,a,hot,\n"
	preview, err := s.bulk(ada).Import(t.Context(), &devicev1.ImportRequest{Csv: file, ValidateOnly: true})
	if err != nil || preview.GetJob() != nil || preview.GetRows() != 5 || preview.GetBadRows() != 2 || preview.GetErrors()[0].GetItem() != 3 {
		t.Fatalf("preview: %v, %v", preview, err)
	}
	begun, err := s.bulk(ada).Import(t.Context(), &devicev1.ImportRequest{Csv: file})
	if err != nil {
		t.Fatal(err)
	}
	j := s.jobEnds(t, ada, begun.GetJob().GetJobId())
	if j.GetTotal() != 5 || j.GetDone() != 2 || j.GetFailed() != 3 || j.GetOwner() != "ada@example.com" || j.GetCredentialsUntil() == nil {
		t.Errorf("job: %v", j)
	}
	_, errors := call(t, ada, http.MethodGet, s.url+"/api/v1/jobs/"+j.GetJobId()+"/errors.csv", nil)
	for _, want := range []string{"item,name,error\n", `3,press_02,"there is a device press_02 already`, `4,press 03,"device_id ""press 03"": want letters`, "5,press_04,issue certificate for device press_04: csr_pem: it is not PEM"} {
		if !strings.Contains(errors, want) {
			t.Errorf("errors:\n%s\nlack %s", errors, want)
		}
	}
	if list, err := s.groups(key).ListMembers(t.Context(), &groupv1.ListMembersRequest{GroupId: "hot"}); err != nil || strings.Join(list.GetDeviceIds(), ",") != "press_01,press_05" {
		t.Errorf("the group has %v, %v", list, err)
	}
	for _, other := range []as{key, mallory} {
		if status, body := s.take(t, other, j.GetJobId(), "zip"); status < 400 || bytes.Contains(body, []byte("PRIVATE")) {
			t.Errorf("somebody else took the credentials: %d", status)
		}
	}
	if status, _ := s.take(t, ada, j.GetJobId(), "tar"); status != http.StatusBadRequest {
		t.Errorf("an unknown form: %d", status)
	}
	status, body := s.take(t, ada, j.GetJobId(), "zip")
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if status != http.StatusOK || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	files := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r)
		files[f.Name] = string(text)
	}
	if len(files) != 5 {
		t.Fatalf("the archive has %d files", len(files))
	}
	checkChain(t, id, &devicev1.Credentials{CertificatePem: files["press_01/cert.pem"], PrivateKeyPem: files["press_01/key.pem"], CaPem: files["ca.pem"], Serial: s.serialOf(t, key, "press_01")})
	if status, body := s.take(t, ada, j.GetJobId(), "zip"); status != http.StatusBadRequest || !bytes.Contains(body, []byte("nothing to take, or no longer")) {
		t.Errorf("taken twice: %d %s", status, body)
	}
	if _, audit := call(t, ada, http.MethodGet, s.url+"/api/v1/audit/export", nil); strings.Contains(audit, "PRIVATE") || !strings.Contains(audit, j.GetJobId()+"/results") {
		t.Error("the audit log has a key, or lacks the download")
	}
}

func (s *stack) serialOf(t *testing.T, who as, device string) string {
	t.Helper()
	d, err := s.devices(who).Get(t.Context(), &devicev1.GetRequest{DeviceId: device})
	if err != nil {
		t.Fatal(err)
	}
	return d.GetDevice().GetCertificates()[0].GetSerial()
}

func TestBulkActionsAreWhatPeopleCouldDoOneByOne(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	var file strings.Builder
	file.WriteString("device_id,device_type,facility\n")
	for i := range 30 {
		fmt.Fprintf(&file, "d_%02d,press,%s\n", i, []string{"north", "south"}[i%2])
	}
	begun, err := s.bulk(key).Import(t.Context(), &devicev1.ImportRequest{Csv: file.String()})
	if err != nil {
		t.Fatal(err)
	}
	s.jobEnds(t, key, begun.GetJob().GetJobId())
	act := func(who as, req *devicev1.ActRequest) *jobv1.Job {
		t.Helper()
		res, err := s.bulk(who).Act(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return s.jobEnds(t, who, res.GetJob().GetJobId())
	}
	if j := act(key, &devicev1.ActRequest{Action: devicev1.BulkAction_BULK_ACTION_LABEL, Query: `location.facility == "north"`, SetLabels: map[string]string{"shift": "early"}}); j.GetDone() != 15 {
		t.Errorf("label: %v", j)
	}
	if _, err := s.groups(key).Create(t.Context(), &groupv1.CreateRequest{GroupId: "early", Query: `labels.shift == "early"`}); err != nil {
		t.Fatal(err)
	}
	if j := act(key, &devicev1.ActRequest{Action: devicev1.BulkAction_BULK_ACTION_SUSPEND, GroupId: "early"}); j.GetDone() != 15 {
		t.Errorf("suspend: %v", j)
	}
	if d, err := s.devices(key).Get(t.Context(), &devicev1.GetRequest{DeviceId: "d_00"}); err != nil || d.GetDevice().GetStatus() != devicev1.DeviceStatus_DEVICE_STATUS_SUSPENDED {
		t.Errorf("%v, %v", d, err)
	}
	issued := act(key, &devicev1.ActRequest{Action: devicev1.BulkAction_BULK_ACTION_ISSUE_CERTIFICATE, DeviceIds: []string{"d_01", "d_01", "nothing"}})
	if issued.GetDone() != 1 || issued.GetFailed() != 1 {
		t.Errorf("issue: %v", issued)
	}
	status, body := s.take(t, key, issued.GetJobId(), "ndjson")
	var line struct {
		Device string `json:"device_id"`
		Cert   string `json:"certificate_pem"`
		Key    string `json:"private_key_pem"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &line) != nil || line.Device != "d_01" {
		t.Fatalf("%d %s", status, body)
	}
	if _, err := tls.X509KeyPair([]byte(line.Cert), []byte(line.Key)); err != nil {
		t.Error(err)
	}
	if j := act(key, &devicev1.ActRequest{Action: devicev1.BulkAction_BULK_ACTION_REVOKE_CERTIFICATES, DeviceIds: []string{"d_01"}}); j.GetDone() != 1 {
		t.Errorf("revoke: %v", j)
	}
	d, err := s.devices(key).Get(t.Context(), &devicev1.GetRequest{DeviceId: "d_01"})
	if err != nil || len(d.GetDevice().GetCertificates()) != 2 {
		t.Fatalf("%v, %v", d, err)
	}
	for _, c := range d.GetDevice().GetCertificates() {
		if c.GetRevokedAt() == nil {
			t.Errorf("%v is not revoked", c)
		}
	}
	_, err = s.bulk(key).Act(t.Context(), &devicev1.ActRequest{Action: devicev1.BulkAction_BULK_ACTION_RETIRE})
	s.wants(t, connect.CodeInvalidArgument, "give exactly one of them", err)
	viewer, err := s.keys(as{cookie: "ada"}).Create(t.Context(), &keyv1.CreateRequest{Name: "op", Role: tenantv1.Role_ROLE_OPERATOR})
	if err != nil {
		t.Fatal(err)
	}
	operator := as{key: viewer.GetSecret()}
	_, err = s.bulk(operator).Act(t.Context(), &devicev1.ActRequest{Action: devicev1.BulkAction_BULK_ACTION_RETIRE, DeviceIds: []string{"d_02"}})
	s.wants(t, connect.CodePermissionDenied, "role operator may not devices.write", err)
	if j := act(operator, &devicev1.ActRequest{Action: devicev1.BulkAction_BULK_ACTION_RESUME, DeviceIds: []string{"d_02"}}); j.GetDone() != 1 {
		t.Errorf("resume: %v", j)
	}
}

// TestImportOfTenThousandDevices measures; with MILLWRIGHT_IMPORT_ROWS it imports so many rows, otherwise a few.
func TestImportOfTenThousandDevices(t *testing.T) {
	t.Parallel()
	rows := 300
	if text := os.Getenv("MILLWRIGHT_IMPORT_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	s := setup(t, func(c *controlplane.Config) { c.PlanLimits = []string{"devices=100000"} })
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	if _, err := s.groups(key).Create(t.Context(), &groupv1.CreateRequest{GroupId: "north", Query: `location.facility == "north"`}); err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	file.WriteString("device_id,device_type,facility,line,station,label:site\n")
	for i := range rows {
		fmt.Fprintf(&file, "press_%05d,press,north,line_%d,%d,berlin\n", i, i%10, i%100)
	}
	start := time.Now()
	begun, err := s.bulk(key).Import(t.Context(), &devicev1.ImportRequest{Csv: file.String()})
	if err != nil {
		t.Fatal(err)
	}
	answered := time.Since(start)
	j := s.jobEnds(t, key, begun.GetJob().GetJobId())
	took := time.Since(start)
	if int(j.GetDone()) != rows {
		t.Errorf("job: %v", j)
	}
	dsn, err := os.ReadFile(s.cfg.PostgresDSNFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), strings.TrimSpace(string(dsn)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	eventually := time.Now().Add(5 * time.Minute)
	for waiting := 1; waiting > 0; {
		if err := conn.QueryRow(t.Context(), "select count(*) from outbox").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(eventually) {
			t.Fatalf("%d entries have not reached the cell", waiting)
		}
	}
	spread := time.Since(start)
	from := time.Now()
	status, body := s.take(t, key, j.GetJobId(), "zip")
	t.Logf("%d rows: answered in %s, imported in %s (%.0f a second), in the cell's catalog after %s, %d bytes of credentials in %s",
		rows, answered, took, float64(rows)/took.Seconds(), spread, len(body), time.Since(from))
	if status != http.StatusOK {
		t.Errorf("credentials: %d", status)
	}
}
