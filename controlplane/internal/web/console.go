package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

const (
	// maxFile is larger than any file of the console.
	maxFile = 32 << 20
	// minGzip is the size from which compressing is worth it.
	minGzip = 1024
)

// Console serves the built console from a directory: files as they are, and index.html for the paths of its pages.
// cells are the URLs that its pages may connect to, besides our own origin. An empty directory serves a page that says
// where to look.
func Console(dir string, cells []string) http.Handler {
	c := &console{policy: policy(cells), packed: make(map[string]packed)}
	if dir != "" {
		c.files = os.DirFS(dir)
	}
	return c
}

type console struct {
	files  fs.FS
	policy string

	mu     sync.Mutex
	packed map[string]packed
}

// packed is a compressed file.
type packed struct {
	modified time.Time
	data     []byte
}

// policy is the content security policy: nothing from elsewhere but the cells' APIs, over HTTP and WebSocket.
func policy(cells []string) string {
	connect := "'self'"
	for _, cell := range cells {
		u, err := url.Parse(cell)
		if err != nil || u.Host == "" {
			continue
		}
		scheme := map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
		connect += fmt.Sprintf(" %s://%s %s://%s", u.Scheme, u.Host, scheme, u.Host)
	}
	return "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; " +
		"manifest-src 'self'; worker-src 'self' blob:; connect-src " + connect + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// SecurityHeaders are for every answer of the origin.
func SecurityHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this path is a page of the console", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Security-Policy", c.policy)
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if name == "" {
		name = "index.html"
	}
	data, modified, err := c.read(name)
	if errors.Is(err, fs.ErrNotExist) && path.Ext(name) == "" {
		name = "index.html"
		data, modified, err = c.read(name)
	}
	if err != nil {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "The console is not here. Build it (make build) and name its directory in the control plane's ConsoleDir.", http.StatusNotFound)
		return
	}
	c.send(w, r, name, data, modified)
}

func (c *console) read(name string) ([]byte, time.Time, error) {
	if c.files == nil || !fs.ValidPath(name) || strings.HasPrefix(path.Base(name), ".") {
		return nil, time.Time{}, fs.ErrNotExist
	}
	f, err := c.files.Open(name)
	if err != nil {
		return nil, time.Time{}, fs.ErrNotExist
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, time.Time{}, fs.ErrNotExist
	}
	data, err := io.ReadAll(f)
	return data, info.ModTime(), err
}

// send answers with a file. Those below assets/ have a hash in their name and never change; all else is asked for anew.
func (c *console) send(w http.ResponseWriter, r *http.Request, name string, data []byte, modified time.Time) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	if len(data) >= minGzip && compressible(kind) {
		h.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			data = c.pack(name, data, modified)
		}
	}
	http.ServeContent(w, r, name, modified, bytes.NewReader(data))
}

func compressible(kind string) bool {
	for _, part := range []string{"text/", "javascript", "json", "svg", "wasm"} {
		if strings.Contains(kind, part) {
			return true
		}
	}
	return false
}

// pack compresses a file once a version.
func (c *console) pack(name string, data []byte, modified time.Time) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.packed[name]; ok && p.modified.Equal(modified) {
		return p.data
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // into memory: cannot fail
	_ = z.Close()
	c.packed[name] = packed{modified: modified, data: b.Bytes()}
	return b.Bytes()
}
