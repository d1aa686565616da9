package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// checkPorts explains a public address that cannot be listened on.
func (c *Config) checkPorts(ctx context.Context) error {
	seen := map[string]string{}
	for _, a := range append(c.addresses(), c.further()...) {
		if other := seen[*a.value]; other != "" {
			return fmt.Errorf("--%s and --%s are both %s: give each its own port", other, a.flag, *a.value)
		}
		seen[*a.value] = a.flag
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", *a.value)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			_, port, _ := net.SplitHostPort(*a.value)
			return fmt.Errorf("port %s is in use, and %s needs it: stop what listens there, or choose another by --%s or --port-base", port, a.serves, a.flag)
		case errors.Is(err, os.ErrPermission):
			return fmt.Errorf("this user may not listen on %s, which %s needs: choose a port above 1023 by --%s", *a.value, a.serves, a.flag)
		case err != nil:
			return fmt.Errorf("listen on %s for %s: %w: choose another address by --%s", *a.value, a.serves, err, a.flag)
		}
		if err := listener.Close(); err != nil {
			return fmt.Errorf("give back port of %s: %w", *a.value, err)
		}
	}
	return nil
}

// freePorts asks the system for n loopback ports. They are free now; children take them in the next moments.
func freePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	for range n {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // the address of a TCP listener
	}
	return ports, nil
}
