package web

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// Mailbox shows the e-mails of a development mailbox at /mailbox/messages. Whoever reads them can sign in as anybody: callers
// from other machines, and through a proxy, are refused.
func Mailbox(at string) (http.Handler, error) {
	target, err := url.Parse(at)
	if err != nil {
		return nil, fmt.Errorf("mailbox's URL: %w", err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !onLoopback(r.RemoteAddr) || !onLoopback(r.Host) || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
			http.Error(w, "the development mailbox is for browsers on the server's own machine", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}), nil
}

// onLoopback reports whether an address, or a request's Host, is this machine's own. A page that has its name resolve to
// this machine comes with that name.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
