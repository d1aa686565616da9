package controlplane_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millwright-io/millwright/controlplane"
	"github.com/millwright-io/millwright/tenancy"
)

// A reach is what an RPC is about, and with that who may be shown or change it.
type reach int

const (
	// account: the signed-in person, in no tenant. platform: the installation.
	account reach = iota + 1
	platformWide
	// whole: the tenant as a whole; refused to who is confined to facilities.
	whole
	// ofTenant: the tenant, with nothing of one facility in it.
	ofTenant
	// listed: things at facilities, of which who is confined is shown their own facilities' only.
	listed
	// object: one thing at a facility, which is not there for who is confined to others.
	object
	// selected: things at facilities that the request chooses; those of other facilities are not among them.
	selected
	// farewell: it ends the caller's membership, so it is tried last.
	farewell
)

// reaches has every RPC of the control plane. An RPC that is not here fails the test: say what it is about, and fill its request.
var reaches = map[string]reach{
	"tenant.v1.TenantService/Create": account, "tenant.v1.TenantService/List": account, "tenant.v1.TenantService/Switch": account,
	"tenant.v1.TenantService/ListPlans": account, "tenant.v1.TenantService/ListRemoved": account, "cell.v1.CellService/ListRegions": account,
	"platform.v1.PlatformService/GetNotices": account, "member.v1.MemberService/AcceptInvitation": account,

	"tenant.v1.TenantService/Suspend": platformWide, "tenant.v1.TenantService/Resume": platformWide, "cell.v1.CellService/List": platformWide, "cell.v1.CellService/Get": platformWide,
	"cell.v1.CellService/Enter": platformWide, "cell.v1.CellService/Drain": platformWide, "cell.v1.CellService/Undrain": platformWide, "platform.v1.PlatformService/ListTenants": platformWide,
	"platform.v1.PlatformService/ListFlags": platformWide, "platform.v1.PlatformService/SetFlag": platformWide, "platform.v1.PlatformService/RemoveFlag": platformWide,
	"platform.v1.PlatformService/ListAnnouncements": platformWide, "platform.v1.PlatformService/Announce": platformWide, "platform.v1.PlatformService/Withdraw": platformWide,
	"platform.v1.PlatformService/ListTokenKeys": platformWide, "platform.v1.PlatformService/RetireTokenKey": platformWide, "platform.v1.PlatformService/ListAudit": platformWide, "limit.v1.LimitService/ListTenant": platformWide, "limit.v1.LimitService/SetOverride": platformWide,
	"limit.v1.LimitService/RemoveOverride": platformWide,

	"billing.v1.BillingService/ListInvoices": platformWide, "billing.v1.BillingService/GetRevenue": platformWide, "billing.v1.BillingService/ListPriceBooks": platformWide, "billing.v1.BillingService/CreateContract": platformWide, "billing.v1.BillingService/ListContracts": platformWide, "billing.v1.BillingService/EndContract": platformWide, "billing.v1.BillingService/GrantCredit": platformWide,
	"billing.v1.BillingService/ListCredits": platformWide, "billing.v1.BillingService/CreateCoupon": platformWide, "billing.v1.BillingService/ListCoupons": platformWide, "billing.v1.BillingService/GiveCoupon": platformWide, "billing.v1.BillingService/IssueCreditNote": platformWide,
	"payment.v1.PaymentService/ListFailed": platformWide, "payment.v1.PaymentService/ListOutbox": platformWide, "payment.v1.PaymentService/RetryEntry": platformWide,
	"payment.v1.PaymentService/ListEvents": platformWide, "usage.v1.UsageService/ListAllMismatches": platformWide, "usage.v1.UsageService/ListMargins": platformWide,

	"payment.v1.PaymentService/GetStatus": whole, "payment.v1.PaymentService/GetPaymentMethod": whole, "payment.v1.PaymentService/ListPayments": whole,
	"payment.v1.PaymentService/CreateCheckout": whole, "payment.v1.PaymentService/CreatePortal": whole,

	"budget.v1.BudgetService/Get": whole, "budget.v1.BudgetService/Set": whole, "budget.v1.BudgetService/Remove": whole, "budget.v1.BudgetService/ListNotices": whole,
	"invoice.v1.InvoiceService/GetDraft": whole, "invoice.v1.InvoiceService/List": whole, "invoice.v1.InvoiceService/Get": whole, "invoice.v1.InvoiceService/GetLineUsage": whole,
	"invoice.v1.InvoiceService/Export": whole, "invoice.v1.InvoiceService/ShareOut": whole, "subscription.v1.SubscriptionService/Get": whole, "subscription.v1.SubscriptionService/ListPlans": whole, "subscription.v1.SubscriptionService/ListCredits": whole,
	"subscription.v1.SubscriptionService/PreviewChange": whole, "subscription.v1.SubscriptionService/ChangePlan": whole, "subscription.v1.SubscriptionService/CancelChange": whole,
	"tenant.v1.TenantService/UpdateSettings": whole, "tenant.v1.TenantService/TransferOwnership": whole, "tenant.v1.TenantService/Delete": whole,
	"tenant.v1.TenantService/CancelDeletion": whole, "tenant.v1.TenantService/RequireSecondFactor": whole,
	"key.v1.KeyService/Create": whole, "key.v1.KeyService/List": whole, "key.v1.KeyService/Rotate": whole, "key.v1.KeyService/Revoke": whole,
	"key.v1.KeyService/CreateServiceAccount": whole, "key.v1.KeyService/ListServiceAccounts": whole, "key.v1.KeyService/UpdateServiceAccount": whole,
	"key.v1.KeyService/DeleteServiceAccount": whole, "role.v1.RoleService/Create": whole, "role.v1.RoleService/Update": whole, "role.v1.RoleService/Delete": whole,
	"member.v1.MemberService/List": whole, "member.v1.MemberService/Update": whole, "member.v1.MemberService/Remove": whole, "member.v1.MemberService/Invite": whole,
	"member.v1.MemberService/ListInvitations": whole, "member.v1.MemberService/ResendInvitation": whole, "member.v1.MemberService/RevokeInvitation": whole,
	"audit.v1.AuditService/List": whole, "group.v1.GroupService/Create": whole, "group.v1.GroupService/Update": whole, "group.v1.GroupService/Delete": whole,
	"group.v1.GroupService/AddMembers": whole, "group.v1.GroupService/RemoveMembers": whole, "group.v1.GroupService/Preview": whole,
	"facility.v1.FacilityService/Create": whole, "facility.v1.FacilityService/Update": whole, "facility.v1.FacilityService/Move": whole, "facility.v1.FacilityService/Delete": whole,
	"devicetype.v1.DeviceTypeService/Create": whole, "devicetype.v1.DeviceTypeService/Update": whole, "devicetype.v1.DeviceTypeService/Delete": whole,
	"certificate.v1.CertificateService/CreateTemplate": whole, "certificate.v1.CertificateService/ListTemplates": whole, "certificate.v1.CertificateService/DeleteTemplate": whole,
	"certificate.v1.CertificateService/CreateClaimToken": whole, "certificate.v1.CertificateService/ListClaimTokens": whole, "certificate.v1.CertificateService/RevokeClaimToken": whole,
	"certificate.v1.CertificateService/RegisterAuthority": whole, "certificate.v1.CertificateService/VerifyAuthority": whole, "certificate.v1.CertificateService/ListAuthorities": whole,
	"certificate.v1.CertificateService/RevokeAuthority": whole,

	"tenant.v1.TenantService/Get": ofTenant, "tenant.v1.TenantService/IssueCellToken": ofTenant, "role.v1.RoleService/List": ofTenant, "group.v1.GroupService/Get": ofTenant,
	"group.v1.GroupService/List": ofTenant, "devicetype.v1.DeviceTypeService/Get": ofTenant, "devicetype.v1.DeviceTypeService/List": ofTenant, "usage.v1.UsageService/Get": ofTenant, "usage.v1.UsageService/ListTotals": ofTenant, "usage.v1.UsageService/ListMismatches": ofTenant,
	"limit.v1.LimitService/List": ofTenant, "limit.v1.LimitService/History": ofTenant, "limit.v1.LimitService/ListNotices": ofTenant,

	"device.v1.DeviceService/List": listed, "facility.v1.FacilityService/List": listed, "group.v1.GroupService/ListMembers": listed, "job.v1.JobService/List": listed,
	"certificate.v1.CertificateService/List": listed, "certificate.v1.CertificateService/GetOverview": listed, "limit.v1.LimitService/ListRefusals": listed,

	"device.v1.DeviceService/Create": object, "device.v1.DeviceService/Get": object, "device.v1.DeviceService/Update": object, "device.v1.DeviceService/Retire": object,
	"device.v1.DeviceService/Suspend": object, "device.v1.DeviceService/Resume": object, "device.v1.DeviceService/IssueCertificate": object,
	"device.v1.DeviceService/RevokeCertificate": object, "device.v1.GatewayService/Get": object, "device.v1.GatewayService/Set": object,
	"device.v1.BulkService/Import": selected, "device.v1.BulkService/Act": object, "certificate.v1.CertificateService/Revoke": selected,
	"job.v1.JobService/Get": object, "job.v1.JobService/ListErrors": object, "job.v1.JobService/Cancel": object,

	"member.v1.MemberService/Leave": farewell,
}

// personal are the RPCs that take a person to answer for them: no key may call them, whatever its role.
var personal = map[string]bool{
	"tenant.v1.TenantService/TransferOwnership": true, "tenant.v1.TenantService/Delete": true, "tenant.v1.TenantService/CancelDeletion": true,
	"tenant.v1.TenantService/RequireSecondFactor": true,
}

// A party is one caller and what the tables say of them.
type party struct {
	name    string
	as      as
	person  bool
	actions []tenancy.Action
	// scopes narrow the actions of a key; nil: not.
	scopes   []tenancy.Action
	confined bool
	operator bool
	// nobody: no credential, or a bad one. homeless: of no tenant.
	nobody, homeless bool
}

// A verdict is what an answer must be.
type verdict int

const (
	// unknownCaller is 401; denied is 403; admitted is none of the others, whatever becomes of the request.
	unknownCaller verdict = iota + 1
	denied
	admitted
	// unplaced is 400: no organisation is chosen.
	unplaced
)

// expects says by the declared action, the templates of the roles and what the RPC is about whether the party is let in. It knows
// nothing of how the server decides.
func (p party) expects(m protoreflect.MethodDescriptor) verdict {
	r, needs := reachOf(m), actionOf(m)
	has := slices.Contains(p.actions, needs) && (p.scopes == nil || slices.Contains(p.scopes, needs))
	switch {
	case p.nobody:
		return unknownCaller
	case r == account && p.person, r == platformWide && p.person && p.operator:
		return admitted
	case r == account, r == platformWide:
		return denied
	case p.homeless:
		return unplaced
	case !has, r == whole && p.confined, personal[shortOf(m)] && !p.person, r == farewell && !p.person:
		return denied
	}
	return admitted
}

// estate is what a tenant has, at two facilities.
type estate struct {
	id    string
	owner as
	// token is of an invitation that nobody has accepted.
	token string
	// north and south fill requests with the names of what stands at those facilities.
	north, south map[string]any
}

// southern is in every text that is about the facility south, whose device is southDevice, and northern in those about north.
const (
	southern    = "southern-secret"
	southDevice = "south_press"
	northern    = "northern-thing"
)

// TestThePermissionMatrix calls every RPC as every kind of caller, about their own facility, about another and about another tenant's
// things, and holds every answer against the tables. Changes name what is not there when they would succeed.
func TestThePermissionMatrix(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *controlplane.Config) {
		c.PlanLimits = []string{"requests_per_second=100000", "members=200", "keys=200"}
		c.Operators = append(c.Operators, "chief@example.com")
	})
	ours, other := s.estate(t, "ada", "", southern), s.estate(t, marker, "far_", marker)
	parties := s.parties(t, ours)
	before, theirs := s.snapshot(t, ours), s.snapshot(t, other)
	var cases atomic.Int64
	var all sync.WaitGroup
	for _, p := range parties {
		all.Go(func() { cases.Add(s.walk(t, p, ours, other)) })
	}
	all.Wait()
	if after := s.snapshot(t, ours); after != before {
		t.Errorf("what was refused or named nothing changed something:\n%s\n%s", before, after)
	}
	if after := s.snapshot(t, other); after != theirs {
		t.Errorf("the other tenant changed:\n%s\n%s", theirs, after)
	}
	for _, p := range parties { // last: it ends memberships
		cases.Add(s.leave(t, p))
	}
	want := int64(len(parties) * (3*(len(methods())-1) + 1))
	t.Logf("%d callers × %d RPCs × own, another facility, another tenant: %d cases", len(parties), len(methods()), cases.Load())
	if cases.Load() != want {
		t.Errorf("%d cases, want %d", cases.Load(), want)
	}
}

// TestEveryRPCSaysWhatItIsAbout holds the table of this test against the descriptors and against the table of actions.
func TestEveryRPCSaysWhatItIsAbout(t *testing.T) {
	t.Parallel()
	for _, m := range methods() {
		r, action := reachOf(m), actionOf(m)
		if r == 0 {
			t.Errorf("%s: say in reaches what it is about, and fill its request in estate", m.FullName())
		}
		if action.OfAccount() != (r == account) || action.OfPlatform() != (r == platformWide) || action.WholeTenant() != (r == whole) {
			t.Errorf("%s needs %s, which is for others than what it is about: %d", m.FullName(), action, r)
		}
		for i := range m.Input().Fields().Len() {
			f := m.Input().Fields().Get(i)
			if name := f.JSONName(); filler[name] == nil && !unfilled[name] {
				t.Errorf("%s: no filler for the field %s: add one to filler, or to unfilled if it names nothing", m.FullName(), name)
			}
		}
	}
	if len(reaches) != len(methods()) {
		t.Errorf("%d RPCs in the table, the services have %d", len(reaches), len(methods()))
	}
}

func reachOf(m protoreflect.MethodDescriptor) reach {
	return reaches[shortOf(m)]
}

// shortOf is a procedure as the tables of this test call it.
func shortOf(m protoreflect.MethodDescriptor) string {
	return strings.TrimPrefix(procedureOf(m)[1:], "millwright.")
}

func procedureOf(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

func actionOf(m protoreflect.MethodDescriptor) tenancy.Action {
	action, _ := tenancy.ActionOf(procedureOf(m))
	return action
}

// walk makes the three calls of every RPC as one party, and counts them.
func (s *stack) walk(t *testing.T, p party, ours, other estate) (cases int64) {
	t.Helper()
	for _, m := range methods() {
		if reachOf(m) == farewell {
			continue
		}
		want := p.expects(m)
		for _, about := range []string{"north", "south", "another tenant's"} {
			fields := s.fieldsFor(m, p, want, about, ours, other)
			body, err := json.Marshal(fieldsOf(m, fields))
			if err != nil {
				t.Error(err)
			}
			status, answer := call(t, p.as, http.MethodPost, s.url+procedureOf(m), body)
			what := fmt.Sprintf("%s calls %s about %s", p.name, m.FullName(), about)
			s.judge(t, what, m, p, about, want, status, answer)
			cases++
		}
	}
	return cases
}

// fieldsFor fills a request so that it changes nothing even when it is admitted: a change of one's own names what is not there, and
// what is made anew has a name or content that is refused.
func (s *stack) fieldsFor(m protoreflect.MethodDescriptor, p party, want verdict, about string, ours, other estate) map[string]any {
	reads := strings.HasPrefix(string(m.Name()), "Get") || strings.HasPrefix(string(m.Name()), "List") || m.Name() == "History"
	fields := maps.Clone(filler)
	switch {
	case m.Name() == "List" && reachOf(m) == listed:
		return nil // what is chosen is less than what is there
	case reachOf(m) == platformWide:
	case reachOf(m) == account:
		if about == "another tenant's" {
			fields["tenantId"], fields["token"] = other.id, other.token
		}
	case about == "another tenant's":
		maps.Copy(fields, other.north)
	case about == "south" && (reads || p.confined || want != admitted):
		maps.Copy(fields, ours.south)
	case about == "north" && (reads || want != admitted):
		maps.Copy(fields, ours.north)
	}
	if made, ok := makes[shortOf(m)]; ok {
		fields[made.field] = made.name
		if about == "south" && made.field == "deviceId" && p.confined {
			fields["deviceId"] = "new_at_south"
			delete(fields, "csrPem")
		}
	}
	return fields
}

// makes are the fields that name what an RPC makes, with a name that is refused or whose making is refused for something else.
var makes = map[string]struct{ field, name string }{
	"device.v1.DeviceService/Create": {"deviceId", "nothing"}, "role.v1.RoleService/Create": {"customRole", "nothing"},
	"key.v1.KeyService/CreateServiceAccount": {"serviceAccountId", "nothing"}, "group.v1.GroupService/Create": {"groupId", "nothing"},
	"devicetype.v1.DeviceTypeService/Create": {"deviceType", "press"},
}

// judge holds an answer against what is expected.
func (s *stack) judge(t *testing.T, what string, m protoreflect.MethodDescriptor, p party, about string, want verdict, status int, answer string) {
	t.Helper()
	got := verdictOf(status, answer)
	if got != want && (want != admitted || about == "north") {
		t.Errorf("%s, which needs %s: %d %s", what, actionOf(m), status, answer)
	}
	if status >= 500 {
		t.Errorf("%s: %d %s", what, status, answer)
	}
	// An error may repeat the id that was asked for.
	if strings.Contains(strings.ReplaceAll(answer, "identity-"+marker, ""), marker) && reachOf(m) != platformWide {
		t.Errorf("%s: another tenant's data is in the answer: %s", what, answer)
	}
	if p.confined && (strings.Contains(answer, southern) || (status < 400 && strings.Contains(answer, southDevice))) {
		t.Errorf("%s: another facility's data is in the answer: %s", what, answer)
	}
	if want == admitted {
		s.judgeAdmitted(t, what, m, p, about, status, answer)
	}
}

func (s *stack) judgeAdmitted(t *testing.T, what string, m protoreflect.MethodDescriptor, p party, about string, status int, answer string) {
	t.Helper()
	one := shortOf(m) == "device.v1.DeviceService/Get"
	switch r := reachOf(m); {
	case about == "another tenant's" && (r == object || m.Name() == "Switch" || m.Name() == "AcceptInvitation") && status < 400,
		about == "south" && p.confined && r == object && status < 400:
		t.Errorf("%s: it is there: %d %s", what, status, answer)
	case r == selected && (about == "another tenant's" || (about == "south" && p.confined)) && status < 400 && answer != "{}" && !strings.Contains(answer, `"badRows":1`):
		t.Errorf("%s: it is among what is chosen: %d %s", what, status, answer)
	case r == listed && about == "north" && status != http.StatusOK, one && about == "north" && !strings.Contains(answer, northern),
		shortOf(m) == "device.v1.DeviceService/List" && !strings.Contains(answer, northern):
		t.Errorf("%s: one's own is not there: %d %s", what, status, answer)
	case one && about == "south" && !p.confined && !strings.Contains(answer, southern):
		t.Errorf("%s: who is not confined does not see it: %d %s", what, status, answer)
	}
}

func verdictOf(status int, answer string) verdict {
	switch {
	case status == http.StatusUnauthorized:
		return unknownCaller
	case status == http.StatusForbidden:
		return denied
	case status == http.StatusBadRequest && strings.Contains(answer, "no organisation chosen"):
		return unplaced
	}
	return admitted
}

// leave ends a membership, where there is one and its role may.
func (s *stack) leave(t *testing.T, p party) int64 {
	t.Helper()
	i := slices.IndexFunc(methods(), func(m protoreflect.MethodDescriptor) bool { return reachOf(m) == farewell })
	leave := methods()[i]
	status, answer := call(t, p.as, http.MethodPost, s.url+procedureOf(leave), []byte("{}"))
	want := http.StatusForbidden
	switch verdict := p.expects(leave); {
	case verdict == unknownCaller:
		want = http.StatusUnauthorized
	case p.name == "owner":
		want = http.StatusBadRequest // the last one stays
	case verdict == unplaced:
		want = http.StatusBadRequest
	case verdict == admitted:
		want = http.StatusOK
	}
	if status != want {
		t.Errorf("%s leaves: %d %s, want %d", p.name, status, answer, want)
	}
	return 1
}
