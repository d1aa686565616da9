// Package rpc calls the public APIs of a running installation: the control plane's, and, found through it, those of the
// caller's cell. The client verbs, the demo and the load tools import it; it is the home of Connect in deploy.
package rpc

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/session"
	"github.com/millwright-io/millwright/proto/gen/millwright/audit/v1/auditv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/billing/v1/billingv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/budget/v1/budgetv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/cell/v1/cellv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1/certificatev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/device/v1/devicev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/devicetype/v1/devicetypev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/facility/v1/facilityv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/group/v1/groupv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1/invoicev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/job/v1/jobv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/key/v1/keyv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/limit/v1/limitv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/member/v1/memberv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/payment/v1/paymentv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/platform/v1/platformv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/role/v1/rolev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1/subscriptionv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1/tenantv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/usage/v1/usagev1connect"
)

// Options say which installation, and as whom.
type Options struct {
	Server string
	Key    string
	// Session is the file with the sessions of `millwright login`; empty: the one in the configuration directory.
	Session string
}

// Flags defines --server, --key and --session.
func Flags(fs *flag.FlagSet) *Options {
	o := KeyFlags(fs)
	sessionFlag(fs, &o.Session)
	return o
}

// KeyFlags defines --server and --key, for what no person does by hand.
func KeyFlags(fs *flag.FlagSet) *Options {
	o := &Options{}
	serverFlag(fs, &o.Server)
	fs.StringVar(&o.Key, "key", "", "API key; on a shared machine give it by the variable instead, where no process list shows it")
	return o
}

func serverFlag(fs *flag.FlagSet, server *string) {
	fs.StringVar(server, "server", "http://127.0.0.1:8080", "`URL` of the control plane")
}

func sessionFlag(fs *flag.FlagSet, path *string) {
	fs.StringVar(path, "session", "", "`FILE` that login keeps sessions in (default millwright/session.json in $XDG_CONFIG_HOME or ~/.config)")
}

// Dial returns a client for the API key, if there is one, else for the session that `millwright login` keeps for the server. It does
// not connect.
func (o *Options) Dial(e command.Env) (*Client, error) {
	if o.Key != "" {
		return Dial(o.Server, o.Key)
	}
	client, err := dialKept(o.Server, o.Session, e)
	if errors.Is(err, errNobody) {
		return nil, command.Usage("no API key, and nobody is signed in at %s: give a key by --key or %sKEY (the console makes them, and `up` puts one for its demo into DATA/demo.json), or run `millwright login`", o.Server, command.VariablePrefix)
	}
	return client, err
}

// Client calls the control plane; its methods' errors are for Explain.
type Client struct {
	Tenants      tenantv1connect.TenantServiceClient
	Devices      devicev1connect.DeviceServiceClient
	DeviceTypes  devicetypev1connect.DeviceTypeServiceClient
	Facilities   facilityv1connect.FacilityServiceClient
	Certificates certificatev1connect.CertificateServiceClient
	// Gateways, Groups, Bulk and Jobs are about many devices at once.
	Gateways devicev1connect.GatewayServiceClient
	Groups   groupv1connect.GroupServiceClient
	Bulk     devicev1connect.BulkServiceClient
	Jobs     jobv1connect.JobServiceClient
	Usage    usagev1connect.UsageServiceClient
	Invoices invoicev1connect.InvoiceServiceClient
	Payments paymentv1connect.PaymentServiceClient
	Budgets  budgetv1connect.BudgetServiceClient
	Audit    auditv1connect.AuditServiceClient
	Members  memberv1connect.MemberServiceClient
	Cells    cellv1connect.CellServiceClient
	Platform platformv1connect.PlatformServiceClient
	Keys     keyv1connect.KeyServiceClient
	Roles    rolev1connect.RoleServiceClient
	Limits   limitv1connect.LimitServiceClient
	// Subscriptions are what tenants pay by.
	Subscriptions subscriptionv1connect.SubscriptionServiceClient
	// Billing is for operators of the installation.
	Billing billingv1connect.BillingServiceClient

	http   *http.Client
	server string
	header header
	// signedIn: the header is a person's session, which the cell does not take.
	signedIn bool
	// kept is where the session was read from, if it was.
	kept *session.Store
}

// Dial returns a client for an API key. It does not connect.
func Dial(server, key string) (*Client, error) {
	if key == "" {
		return nil, command.Usage("no API key: give one by --key or %sKEY; the console makes them, and `up` puts one for its demo into DATA/demo.json", command.VariablePrefix)
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, command.Usage("the API key has characters that no key has: copy it again, it begins with mw_")
	}
	return dial(server, keyHeader(key))
}

// DialSession returns a client for a signed-in person, by the token that the identity server gives to programs.
func DialSession(server, token string) (*Client, error) {
	client, err := dial(server, sessionHeader(server, token))
	if err != nil {
		return nil, err
	}
	client.signedIn = true
	return client, nil
}

func newHTTP() *http.Client {
	transport := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
	}
	// A redirect would take the credential along, to whatever server it names.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, CheckRedirect: stay}
}

func dial(server string, auth header) (*Client, error) {
	if err := checkServer(server); err != nil {
		return nil, err
	}
	client, option := newHTTP(), connect.WithInterceptors(auth)
	return &Client{
		Tenants:       tenantv1connect.NewTenantServiceClient(client, server, option),
		Devices:       devicev1connect.NewDeviceServiceClient(client, server, option),
		DeviceTypes:   devicetypev1connect.NewDeviceTypeServiceClient(client, server, option),
		Facilities:    facilityv1connect.NewFacilityServiceClient(client, server, option),
		Certificates:  certificatev1connect.NewCertificateServiceClient(client, server, option),
		Gateways:      devicev1connect.NewGatewayServiceClient(client, server, option),
		Groups:        groupv1connect.NewGroupServiceClient(client, server, option),
		Bulk:          devicev1connect.NewBulkServiceClient(client, server, option),
		Jobs:          jobv1connect.NewJobServiceClient(client, server, option),
		Usage:         usagev1connect.NewUsageServiceClient(client, server, option),
		Invoices:      invoicev1connect.NewInvoiceServiceClient(client, server, option),
		Payments:      paymentv1connect.NewPaymentServiceClient(client, server, option),
		Budgets:       budgetv1connect.NewBudgetServiceClient(client, server, option),
		Subscriptions: subscriptionv1connect.NewSubscriptionServiceClient(client, server, option),
		Billing:       billingv1connect.NewBillingServiceClient(client, server, option),
		Audit:         auditv1connect.NewAuditServiceClient(client, server, option),
		Members:       memberv1connect.NewMemberServiceClient(client, server, option),
		Cells:         cellv1connect.NewCellServiceClient(client, server, option),
		Platform:      platformv1connect.NewPlatformServiceClient(client, server, option),
		Keys:          keyv1connect.NewKeyServiceClient(client, server, option),
		Roles:         rolev1connect.NewRoleServiceClient(client, server, option),
		Limits:        limitv1connect.NewLimitServiceClient(client, server, option),
		http:          client, server: strings.TrimRight(server, "/"), header: auth,
	}, nil
}

func checkServer(server string) error {
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return command.Usage("--server %q: want the control plane's URL, e.g. http://127.0.0.1:8080", server)
	}
	return nil
}

// Explain turns the error of a call into one sentence. It is an ErrUnreachable when nobody answered, so that a verb ends
// with that exit code; other errors keep their kind for connect.CodeOf.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	var dialing *net.OpError
	if errors.As(err, &dialing) {
		return command.Unreachable("could not reach the server: %s: is `millwright up` running, and is --server its address?", dialing)
	}
	var refusal *connect.Error
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Code() { //nolint:exhaustive // the others are answers
	case connect.CodeUnavailable:
		return command.Unreachable("the server is not available: %s: try again", refusal.Message())
	case connect.CodeDeadlineExceeded:
		return command.Unreachable("the server did not answer in time: %s: try again", refusal.Message())
	case connect.CodeUnauthenticated:
		text := "the server does not know who asks: " + refusal.Message()
		var u *unknown
		if errors.As(err, &u) {
			text = u.means + " (" + refusal.Message() + ")"
		}
		return &explained{text: text, cause: err}
	}
	return &explained{text: fmt.Sprintf("%s (%s)", refusal.Message(), refusal.Code()), cause: err}
}

// Exists reports whether a call was refused because the object is there already.
func Exists(err error) bool { return connect.CodeOf(err) == connect.CodeAlreadyExists }

// Refused reports whether a call was refused for want of a right.
func Refused(err error) bool {
	code := connect.CodeOf(err)
	return code == connect.CodePermissionDenied || code == connect.CodeUnauthenticated
}

// Details are the messages that a refusal carries besides its sentence.
func Details(err error) (messages []proto.Message) {
	var refusal *connect.Error
	if !errors.As(err, &refusal) {
		return nil
	}
	for _, d := range refusal.Details() {
		if m, err := d.Value(); err == nil {
			messages = append(messages, m)
		}
	}
	return messages
}

type explained struct {
	text  string
	cause error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.cause }
