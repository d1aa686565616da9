package up

import (
	"net"
	"strconv"

	"github.com/millwright-io/millwright/dataplane"
	"github.com/millwright-io/millwright/deploy/internal/nats"
	"github.com/millwright-io/millwright/deploy/internal/role"
)

const (
	largestLog  = 8 << 30
	smallestLog = 64 << 20
)

// cellPart runs the gateway, the engine and the cell's API.
func (s *site) cellPart() (*part, error) {
	_, natsPassword, err := s.dir.secret("nats-cell", 24)
	if err != nil {
		return nil, err
	}
	_, clickhousePassword, err := s.dir.secret("clickhouse-admin", 24)
	if err != nil {
		return nil, err
	}
	_, store, err := s.dir.secret("store", 32)
	if err != nil {
		return nil, err
	}
	cfg := dataplane.DefaultConfig()
	cfg.Cell = cellName
	cfg.APIAddress, cfg.IngestAddress = s.cfg.CellAddress, s.cfg.IngestAddress
	cfg.MQTTAddress, cfg.MQTTWebSocketAddress = s.cfg.MQTTAddress, s.cfg.MQTTWebSocketAddress
	cfg.MetricsAddress = loopback(s.ports.cellMetrics)
	cfg.GatewayCertificateDir = s.dir.at("gateway")
	cfg.NATSURL, cfg.NATSUser, cfg.NATSPasswordFile = s.nats.URL(), nats.UserCell, natsPassword
	cfg.ClickHouseURL, cfg.ClickHouseUser = "http://"+s.cfg.ClickHouseAddress, clickhouseAdmin
	cfg.ClickHousePasswordFile, cfg.StoreSecretFile = clickhousePassword, store
	cfg.ConsoleOrigins = s.origins()
	cfg.SpaceDirectory = s.dir.path
	if s.cfg.SpaceReserve > 0 {
		cfg.SpaceReserveBytes = int64(s.cfg.SpaceReserve) << 20
	}
	free, err := dataplane.FreeSpace(s.dir.path)
	if err != nil {
		return nil, err
	}
	cfg.LogMaxBytes = logSize(free)
	args := role.Arguments(cfg, dataplane.DefaultConfig())
	return childPart(s.child(s.roleSpec("cell", args, answers("http://"+cfg.MetricsAddress+"/readyz")))), nil
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
