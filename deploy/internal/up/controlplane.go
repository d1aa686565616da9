package up

import (
	"net"

	"github.com/millwright-io/millwright/controlplane"
	"github.com/millwright-io/millwright/deploy/internal/durable"
	"github.com/millwright-io/millwright/deploy/internal/nats"
	"github.com/millwright-io/millwright/deploy/internal/role"
)

// controlPlanePart runs the console's server and the control plane's API.
func (s *site) controlPlanePart() (*part, error) {
	_, natsPassword, err := s.dir.secret("nats-controlplane", 24)
	if err != nil {
		return nil, err
	}
	dsn := s.dir.at("secrets", "postgres-dsn")
	if err := durable.WriteFile(dsn, []byte(s.postgres.URLWithPassword(s.databases.millwright)+"\n"), 0o600); err != nil {
		return nil, err
	}
	cells, err := s.writeCells()
	if err != nil {
		return nil, err
	}
	mail, err := s.writeMailURL()
	if err != nil {
		return nil, err
	}
	cfg := controlplane.DefaultConfig()
	cfg.MailURLFile, cfg.MailFrom = mail, s.cfg.MailFrom
	if s.mailbox != nil {
		cfg.MailboxURL = "http://" + loopback(s.ports.mailbox)
	}
	cfg.Address, cfg.MetricsAddress = s.cfg.ControlAddress, loopback(s.ports.controlMetrics)
	cfg.PublicURL, cfg.TrustedOrigins = s.cfg.Origin, s.origins()[1:]
	cfg.PostgresDSNFile, cfg.Migrate = dsn, true
	cfg.NATSURL, cfg.Replicas = s.nats.URL(), max(s.cfg.NATSReplicas, 1)
	if !s.nats.External() {
		cfg.NATSUser, cfg.NATSPasswordFile = nats.UserControlPlane, natsPassword
	}
	cfg.KratosPublicURL = s.kratos.PublicURL()
	cfg.ConsoleDir, cfg.KEKFile = s.cfg.Console, s.dir.at("secrets", "kek")
	cfg.GatewayCertificateDir, cfg.GatewayHosts = s.dir.at("gateway"), s.cfg.Hosts
	cfg.ESTAddress, cfg.ESTURL = s.cfg.ESTAddress, "https://"+s.reachable(s.cfg.ESTAddress)
	if s.cfg.CertificateLife != 0 {
		cfg.DeviceCertificateLife = s.cfg.CertificateLife
	}
	cfg.CellsFile, cfg.PlanLimits, cfg.Operators = cells, s.cfg.PlanLimits, s.cfg.Operators
	cfg.DeletionGrace, cfg.BillingClock = s.cfg.DeletionGrace, s.cfg.BillingClock
	cfg.StripeKeyFile, cfg.StripeWebhookSecretFile, cfg.StripeURL, cfg.PaymentGrace = s.cfg.StripeKeyFile, s.cfg.StripeWebhookSecretFile, s.cfg.StripeURL, s.cfg.PaymentGrace
	args := role.Arguments(cfg, controlplane.DefaultConfig())
	return childPart(s.child(s.roleSpec("controlplane", "controlplane", args, answers("http://"+cfg.MetricsAddress+"/readyz")))), nil
}

// reachable is an address as others reach it: one that listens everywhere is reached by the first of the hosts.
func (s *site) reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
		if len(s.cfg.Hosts) > 0 {
			host = s.cfg.Hosts[0]
		}
	}
	return net.JoinHostPort(host, port)
}
