package controlplane

import (
	"log/slog"
	"os"
	"strings"
	"syscall"
)

// crashVariable names a file that tests of crashes write: the point at which this process ends by SIGKILL, once. Nobody else sets it.
const crashVariable = "MILLWRIGHT_CRASH_FILE"

// crashPoint ends the process at the point that the file names, after taking the file away, so that the next process goes on. It is nil where no file is
// named.
func crashPoint(log *slog.Logger) func(point string) {
	file := os.Getenv(crashVariable)
	if file == "" {
		return nil
	}
	log.Warn("this process ends itself where a test wants it to", slog.String("file", file))
	return func(point string) {
		text, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(text)) != point {
			return
		}
		if os.Remove(file) == nil {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until the signal is there
		}
	}
}
