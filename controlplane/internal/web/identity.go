// Package web serves what is no API of ours: the console's files and, below /identity/, the identity server's public
// API on our own origin, so that its cookies are ours and nobody reaches its other paths. The composition root imports it.
package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// maxIdentityBody bounds what is passed on: forms of a few fields.
const maxIdentityBody = 64 << 10

// Forgetter drops what is remembered of a request's session.
type Forgetter interface{ Forget(header http.Header) }

// Identity passes the self-service flows and whoami on to the identity server at publicURL, and nothing else: for browsers,
// and for programs such as `millwright login`. Sessions that sign out or change are forgotten at once.
func Identity(publicURL string, sessions Forgetter, log *slog.Logger) (http.Handler, error) {
	target, err := url.Parse(publicURL)
	if err != nil {
		return nil, fmt.Errorf("identity server's URL: %w", err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/identity")
			r.Out.URL.RawPath = ""
			r.SetURL(target)
			// What the identity server believes of the caller is what we know, not what the caller claims.
			for name := range r.Out.Header {
				if strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" || name == "X-Real-Ip" || name == "True-Client-Ip" {
					r.Out.Header.Del(name)
				}
			}
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: 20 * time.Second,
		},
		ModifyResponse: func(res *http.Response) error {
			res.Header.Set("Cache-Control", "no-store")
			res.Header.Del("Server")
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.WarnContext(r.Context(), "identity server does not answer", slog.Any("error", err))
			http.Error(w, `{"error":{"code":503,"message":"The identity server does not answer, try again."}}`, http.StatusServiceUnavailable)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/identity")
		if !opened[path] {
			http.NotFound(w, r)
			return
		}
		switch {
		case strings.HasPrefix(path, "/self-service/logout"):
			sessions.Forget(r.Header)       // before the answer, so that the next request is refused
			defer sessions.Forget(r.Header) // and what a request meanwhile had remembered
		case r.Method == http.MethodPost: // the session may be another afterwards, e.g. have a second factor
			defer sessions.Forget(r.Header)
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxIdentityBody)
		proxy.ServeHTTP(w, r)
	}), nil
}

// opened are the paths of the identity server that are for everybody: of each flow its form, its two beginnings (a browser's
// and a program's) and its state.
var opened = func() map[string]bool {
	paths := map[string]bool{
		"/sessions/whoami":     true,
		"/self-service/errors": true,
		"/self-service/logout": true, "/self-service/logout/browser": true, "/self-service/logout/api": true,
	}
	for _, flow := range []string{"login", "registration", "settings", "recovery", "verification"} {
		for _, end := range []string{"", "/browser", "/api", "/flows"} {
			paths["/self-service/"+flow+end] = true
		}
	}
	return paths
}()
