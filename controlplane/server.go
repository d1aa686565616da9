package controlplane

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/devicetype"
	"github.com/millwright-io/millwright/controlplane/internal/facility"
	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/controlplane/internal/limit"
	"github.com/millwright-io/millwright/controlplane/internal/member"
	"github.com/millwright-io/millwright/controlplane/internal/platform"
	"github.com/millwright-io/millwright/controlplane/internal/role"
	"github.com/millwright-io/millwright/controlplane/internal/rpc"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/controlplane/internal/web"
	"github.com/millwright-io/millwright/proto/gen/millwright/audit/v1/auditv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/cell/v1/cellv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1/certificatev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/device/v1/devicev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/devicetype/v1/devicetypev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/facility/v1/facilityv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/key/v1/keyv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/limit/v1/limitv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/member/v1/memberv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/platform/v1/platformv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/role/v1/rolev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1/tenantv1connect"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/casbin"
	"github.com/millwright-io/millwright/tenancy/ory"
	chain "github.com/millwright-io/millwright/tenancy/rpc"
	"github.com/millwright-io/millwright/tenancy/tally"
)

// handler is the public origin: Connect at each service's path, REST below /api/, identity flows, the console.
func (a *App) handler(cells []Cell, tenants *tenant.Service) (http.Handler, error) {
	identity := ory.New(ory.Config{PublicURL: a.cfg.KratosPublicURL}, a.now)
	rights := role.NewService(a.store, a.callers, a.now)
	keys := key.NewService(a.store, a.store, a.callers, rights, a.lastUses, a.now)
	c, err := a.chain(identity, keys)
	if err != nil {
		return nil, err
	}
	services := a.services(c, cells, tenants, keys, rights)
	rest, err := chain.REST(services...)
	if err != nil {
		return nil, err
	}
	proxy, err := web.Identity(a.cfg.KratosPublicURL, identity, a.log)
	if err != nil {
		return nil, err
	}
	guard, err := a.crossOrigin()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, s := range services {
		mux.Handle(s.Path, guard.Handler(s.Handler))
	}
	mux.Handle("/api/", guard.Handler(rest))
	mux.Handle("GET /api/v1/audit/export", c.HTTP("export audit", tenancy.ActionAuditRead, rpc.ExportAudit(a.store, a.log)))
	mux.Handle("GET /api/v1/platform/audit/export", c.HTTP("export platform audit", tenancy.ActionPlatformRead, rpc.ExportPlatformAudit(a.store, a.log)))
	a.mountJobs(mux, guard, c)
	a.webhooks(mux)
	mux.Handle("/identity/", guard.Handler(proxy))
	if a.cfg.MailboxURL != "" {
		mailbox, err := web.Mailbox(a.cfg.MailboxURL)
		if err != nil {
			return nil, err
		}
		// Not all below /mailbox, which is the console's page.
		mux.Handle("GET /mailbox/messages", mailbox)
	}
	mux.Handle("GET "+web.CRLPath, a.revocationLists())
	mux.Handle("GET "+web.JWKSPath, web.JWKS(a.publishedKeys, a.cfg.keySetAge(), a.now, a.log))
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	urls := make([]string, 0, len(cells))
	for _, c := range cells {
		urls = append(urls, c.URL)
	}
	mux.Handle("/", web.Console(a.cfg.ConsoleDir, urls))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.SecurityHeaders(w.Header())
		mux.ServeHTTP(w, r)
	}), nil
}

// publishedKeys are the public keys of cell tokens.
func (a *App) publishedKeys(ctx context.Context) ([]web.SigningKey, error) {
	keys, err := a.tokenKeys.Published(ctx)
	list := make([]web.SigningKey, 0, len(keys))
	for _, k := range keys {
		list = append(list, web.SigningKey{ID: k.ID, Public: k.Public})
	}
	return list, err
}

// crossOrigin refuses what another origin's page sends with a signed-in person's cookie.
func (a *App) crossOrigin() (*http.CrossOriginProtection, error) {
	guard := http.NewCrossOriginProtection()
	for _, origin := range append([]string{a.cfg.PublicURL}, a.cfg.TrustedOrigins...) {
		if err := guard.AddTrustedOrigin(strings.TrimRight(origin, "/")); err != nil {
			return nil, err
		}
	}
	return guard, nil
}

// requestTimeout bounds a request: a database that hangs must not keep its callers.
const requestTimeout = 15 * time.Second

// chain is what every request passes.
func (a *App) chain(identity *ory.Client, keys *key.Service) (*chain.Chain, error) {
	authorizer, err := casbin.New(a.callers)
	if err != nil {
		return nil, err
	}
	operators := make([]string, 0, len(a.cfg.Operators))
	for _, address := range a.cfg.Operators {
		operators = append(operators, tenancy.NormalizeEmail(address))
	}
	return chain.New(chain.Deps{
		Authenticate: rpc.Authenticator(identity, keys, a.callers, operators), Limit: a.limit, Authorize: authorizer, Refused: a.refused, OverLimit: a.overLimit,
		Timeout: requestTimeout, Log: a.log, Now: a.now,
	}), nil
}

// services are the API behind the one chain.
func (a *App) services(c *chain.Chain, cells []Cell, tenants *tenant.Service, keys *key.Service, rights *role.Service) []chain.Service {
	where := make(map[string]rpc.Cell, len(cells))
	for _, cell := range cells {
		where[cell.Name] = rpc.Cell{
			Region: cell.Region, URL: cell.URL, IngestURL: cell.IngestURL, MQTTAddress: cell.MQTTAddress, MQTTWebSocketURL: cell.MQTTWebSocketURL,
			NATSURL: cell.NATSURL,
		}
	}
	tenantRPC := &rpc.Tenants{Tenants: tenants, Rights: rights, Signer: a.tokenKeys, Cells: where}
	tenantPath, tenantHandler := tenantv1connect.NewTenantServiceHandler(tenantRPC, c.Options()...)
	memberPath, memberHandler := memberv1connect.NewMemberServiceHandler(&rpc.Members{
		Members: member.NewService(a.store, rights, a.now), Invitations: member.NewInvitations(a.store, rights, a.courier != nil, a.now), Tenants: tenantRPC,
	}, c.Options()...)
	platformPath, platformHandler := platformv1connect.NewPlatformServiceHandler(&rpc.Platform{Platform: platform.NewService(a.store, a.now), TokenKeys: a.tokenKeys}, c.Options()...)
	cellPath, cellHandler := cellv1connect.NewCellServiceHandler(&rpc.Cells{Cells: a.cells, Signer: a.tokenKeys}, c.Options()...)
	keyPath, keyHandler := keyv1connect.NewKeyServiceHandler(&rpc.Keyring{Keys: keys}, c.Options()...)
	rolePath, roleHandler := rolev1connect.NewRoleServiceHandler(&rpc.Roles{Roles: rights}, c.Options()...)
	devices := device.NewService(a.store, a.keys, a.now)
	devicePath, deviceHandler := devicev1connect.NewDeviceServiceHandler(&rpc.Devices{Devices: devices, Now: a.now}, c.Options()...)
	facilityPath, facilityHandler := facilityv1connect.NewFacilityServiceHandler(&rpc.Facilities{Places: facility.NewService(a.store, a.now)}, c.Options()...)
	typePath, typeHandler := devicetypev1connect.NewDeviceTypeServiceHandler(&rpc.DeviceTypes{Types: devicetype.NewService(a.store, a.now)}, c.Options()...)
	limitPath, limitHandler := limitv1connect.NewLimitServiceHandler(&rpc.Limits{Limits: limit.NewService(a.store, a.now)}, c.Options()...)
	certificatePath, certificateHandler := certificatev1connect.NewCertificateServiceHandler(a.certificatesRPC(), c.Options()...)
	auditPath, auditHandler := auditv1connect.NewAuditServiceHandler(&rpc.Audit{Log: a.store}, c.Options()...)
	return slices.Concat(a.fleet(c, devices), a.billing(c, tenants), []chain.Service{
		{Path: auditPath, Handler: auditHandler},
		{Path: cellPath, Handler: cellHandler},
		{Path: platformPath, Handler: platformHandler},
		{Path: tenantPath, Handler: tenantHandler},
		{Path: memberPath, Handler: memberHandler},
		{Path: keyPath, Handler: keyHandler},
		{Path: rolePath, Handler: roleHandler},
		{Path: devicePath, Handler: deviceHandler},
		{Path: typePath, Handler: typeHandler},
		{Path: certificatePath, Handler: certificateHandler},
		{Path: facilityPath, Handler: facilityHandler},
		{Path: limitPath, Handler: limitHandler},
	})
}

// limit counts a request against the share of its tenant, or of the person who has none yet.
func (a *App) limit(ctx context.Context, p tenancy.Principal) error {
	usual := a.plans[tenant.PlanTeam].RequestsPerSecond
	if p.Tenant == "" {
		_, err := a.limiter.Take(ctx, "person/"+p.Subject, "person", int(usual))
		return err
	}
	perSecond := a.requests.PerSecond(ctx, p.Tenant, usual)
	used, err := a.limiter.Take(ctx, "tenant/"+string(p.Tenant), tenancy.ScopeTenant, int(perSecond))
	a.tally.Use(p.Tenant, tenancy.LimitRequestsPerSecond, used, perSecond)
	return err
}

// overLimit counts a limit's refusal for the tenant's record.
func (a *App) overLimit(p tenancy.Principal, err *tenancy.LimitError) {
	a.tally.Refuse(p.Tenant, err, 1)
}

// recordUses writes what this process counted, until ctx is done.
func (a *App) recordUses(ctx context.Context) error {
	source := "controlplane/" + rand.Text()
	a.tally.Run(ctx, useInterval, func(ctx context.Context, totals []tally.Total) error {
		_, err := a.store.RecordUses(ctx, "", source, totals)
		return err
	}, func(err error) { a.log.WarnContext(ctx, "cannot record uses of limits", slog.Any("error", err)) })
	return nil
}

// useInterval is how soon a refusal can be read by its tenant.
const useInterval = 2 * time.Second

// auditTimeout bounds the entry of a refusal; the caller waits no longer for it.
const auditTimeout = 2 * time.Second

// refused notes a refused authorization: in the log of the caller's tenant, and in the platform's what was tried on the platform.
// A refusal stands whether or not it could be noted.
func (a *App) refused(ctx context.Context, p tenancy.Principal, action tenancy.Action, err error) {
	if !errors.Is(err, tenancy.ErrForbidden) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	e := audit.Refusal(ctx, p, a.now(), err.Error())
	var failed error
	if action.OfPlatform() {
		failed = a.store.AppendPlatformAudit(ctx, e)
	}
	if p.Tenant != "" {
		failed = errors.Join(failed, a.store.AppendAudit(ctx, e))
	}
	if failed != nil {
		a.log.ErrorContext(ctx, "cannot note a refusal", slog.Any("error", failed))
	}
}
