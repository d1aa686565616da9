// Command stripe-fake runs the stand-in for Stripe, for tests and for trying payments without an account: name its URL by --stripe-url of the control
// plane. It prints its URL once it listens, and keeps everything in memory.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/millwright-io/millwright/billing/stripe/fake"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen, `HOST:PORT`")
	key := flag.String("key", "sk_test_fake", "the secret key that requests must bear; it opens nothing")
	flag.Parse()
	if err := run(*address, *key); err != nil {
		fmt.Fprintln(os.Stderr, "stripe-fake:", err)
		os.Exit(1)
	}
}

func run(address, key string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	stand := fake.New(key)
	defer stand.Close()
	server := &http.Server{Handler: stand, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	fmt.Printf("ready: http://%s\n", l.Addr())
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}
