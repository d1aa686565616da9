package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"connectrpc.com/vanguard"
)

// Service is a Connect handler as the generated constructors return it.
type Service struct {
	Path    string
	Handler http.Handler
}

// REST serves the services' google.api.http paths; mount it on /api/ only and each service at its own path, because the
// transcoder refuses plain Connect calls. What it refuses itself (an unknown query parameter, a body that is not JSON)
// it calls an internal error; here that becomes what it is, an invalid argument.
func REST(services ...Service) (http.Handler, error) {
	list := make([]*vanguard.Service, 0, len(services))
	for _, s := range services {
		list = append(list, vanguard.NewService(s.Path, s.Handler))
	}
	transcoder, err := vanguard.NewTranscoder(list, vanguard.WithUnknownHandler(http.HandlerFunc(unknownPath)))
	if err != nil {
		return nil, fmt.Errorf("map REST paths: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mark := new(bool)
		rw := &restWriter{ResponseWriter: w, reached: mark}
		transcoder.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), reachedKey{}, mark)))
		rw.finish()
	}), nil
}

func unknownPath(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"code": 5, "message": fmt.Sprintf("%s %s is no path of this API", r.Method, r.URL.Path), "details": []any{},
	})
}

type reachedKey struct{}

// reached notes that a transcoded request came as far as the chain, so that its errors are our own.
func reached(ctx context.Context) {
	if mark, ok := ctx.Value(reachedKey{}).(*bool); ok {
		*mark = true
	}
}

// restWriter holds back a 500 that the transcoder wrote before the chain was reached.
type restWriter struct {
	http.ResponseWriter
	reached *bool
	held    bool
	body    bytes.Buffer
}

func (w *restWriter) WriteHeader(status int) {
	if status >= http.StatusInternalServerError && !*w.reached {
		w.held = true
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *restWriter) Write(b []byte) (int, error) {
	if w.held {
		return w.body.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *restWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is asked for by the transcoder.
func (w *restWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok && !w.held {
		f.Flush()
	}
}

func (w *restWriter) finish() {
	if !w.held {
		return
	}
	var status struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(w.body.Bytes(), &status) != nil || status.Message == "" {
		status.Message = "the request cannot be read"
	}
	w.Header().Del("Content-Length")
	w.Header().Set("Content-Type", "application/json")
	w.ResponseWriter.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w.ResponseWriter).Encode(map[string]any{"code": 3, "message": status.Message, "details": []any{}})
}
