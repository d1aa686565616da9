package e2e

import (
	"net"
	"os/exec"
	"path/filepath"

	"github.com/millwright-io/millwright/e2e/stack"
)

// publishTo runs mosquitto_pub once with a device's credentials and returns what it printed.
func publishTo(s *stack.Stack, dir, topic, version, payload string, flags ...string) (string, error) {
	host, port, err := net.SplitHostPort(s.Demo.MQTTAddress)
	if err != nil {
		return "", err
	}
	args := append([]string{
		"-h", host, "-p", port, "--cafile", filepath.Join(dir, "ca.pem"), "--cert", filepath.Join(dir, "cert.pem"),
		"--key", filepath.Join(dir, "key.pem"), "-V", version, "-t", topic, "-q", "1", "-m", payload,
	}, flags...)
	out, err := exec.Command("mosquitto_pub", args...).CombinedOutput()
	return string(out), err
}
