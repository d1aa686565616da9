package up

import (
	"net"
	"strconv"

	"github.com/millwright-io/millwright/dataplane"
	"github.com/millwright-io/millwright/deploy/internal/role"
)

const (
	largestLog  = 8 << 30
	smallestLog = 64 << 20
)

// cellParts run the stream engine and the API of a cell, and the gateway where what it answers cannot hold devices up.
func (s *site) cellParts(c *cell) (cell, gateway *part, err error) {
	cfg, err := s.cellConfig(c)
	if err != nil {
		return nil, nil, err
	}
	defaults := dataplane.DefaultConfig()
	cell = childPart(s.child(s.roleSpec(c.called("cell"), "cell", role.Arguments(cfg, defaults), answers("http://"+cfg.MetricsAddress+"/readyz"))))
	cfg.GatewayOnly, defaults.GatewayOnly = true, true
	cfg.IngestAddress, cfg.MQTTAddress, cfg.MQTTWebSocketAddress, cfg.DeviceNATSAddress = c.ingest, c.mqtt, c.mqttWebSocket, c.nats
	cfg.APIAddress, cfg.MetricsAddress = loopback(0), loopback(c.gatewayMetricsPort)
	cfg.CatalogDirectory = s.dir.at(c.called("catalog-gateway"))
	gateway = childPart(s.child(s.roleSpec(c.called("gateway"), "gateway", role.Arguments(cfg, defaults), answers("http://"+cfg.MetricsAddress+"/readyz"))))
	return cell, gateway, nil
}

// cellConfig is that of the process that works on the log and answers: devices come to the gateway.
func (s *site) cellConfig(c *cell) (cfg dataplane.Config, err error) {
	_, natsPassword, err := s.dir.secret(c.called("nats-cell"), 24)
	if err != nil {
		return cfg, err
	}
	_, clickhousePassword, err := s.dir.secret(c.called("clickhouse-admin"), 24)
	if err != nil {
		return cfg, err
	}
	_, store, err := s.dir.secret(c.called("store"), 32)
	if err != nil {
		return cfg, err
	}
	cfg = dataplane.DefaultConfig()
	cfg.Cell, cfg.Version = c.name, s.cfg.Version
	cfg.APIAddress = c.address
	cfg.IngestAddress, cfg.MQTTAddress, cfg.MQTTWebSocketAddress, cfg.DeviceNATSAddress = "", "", "", ""
	cfg.MetricsAddress = loopback(c.metricsPort)
	cfg.GatewayCertificateDir = s.dir.at("gateway")
	cfg.NATSURL, cfg.Replicas = s.nats.URL(), max(s.cfg.NATSReplicas, 1)
	if !s.nats.External() {
		cfg.NATSUser, cfg.NATSPasswordFile = c.natsUser(), natsPassword
	}
	cfg.ClickHouseURL, cfg.ClickHouseUser = "http://"+c.clickhouseStore, clickhouseAdmin
	cfg.ClickHousePasswordFile, cfg.StoreSecretFile = clickhousePassword, store
	cfg.ConsoleOrigins = s.origins()
	cfg.SpaceDirectory, cfg.CatalogDirectory = s.dir.path, s.dir.at(c.called("catalog"))
	if s.cfg.Partitions > 0 {
		cfg.Partitions = s.cfg.Partitions
	}
	if s.cfg.SpaceReserve > 0 {
		cfg.SpaceReserveBytes = int64(s.cfg.SpaceReserve) << 20
	}
	free, err := dataplane.FreeSpace(s.dir.path)
	if err != nil {
		return cfg, err
	}
	cfg.LogMaxBytes = logSize(free / uint64(len(s.cfg.cells)))
	return cfg, nil
}

// logSize is the size of the log on a disk with that much free: it may not fill the disk.
func logSize(free uint64) int64 {
	return int64(min(max(free/4, smallestLog), largestLog)) //nolint:gosec // bounded by largestLog
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// origins are the URLs at which a browser may have the console: as configured, and by the other name of this machine.
func (s *site) origins() []string {
	origins := []string{s.cfg.Origin}
	if _, port, err := net.SplitHostPort(s.cfg.ControlAddress); err == nil {
		for _, host := range []string{"127.0.0.1", "localhost"} {
			if o := "http://" + net.JoinHostPort(host, port); o != s.cfg.Origin {
				origins = append(origins, o)
			}
		}
	}
	return origins
}
