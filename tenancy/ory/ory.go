// Package ory asks the identity server (Ory Kratos) who a browser or a native client is. The control plane imports it;
// it is the only home of the Ory client module.
package ory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	client "github.com/ory/client-go"

	"github.com/millwright-io/millwright/tenancy"
)

// DefaultCookie is the name of Kratos' session cookie.
const DefaultCookie = "ory_kratos_session"

const (
	// fresh is how long an answer is trusted: a session that ends elsewhere lives on for that long.
	fresh = 30 * time.Second
	// cacheSize bounds the cache; when it is full, the oldest half goes.
	cacheSize = 20000
	timeout   = 5 * time.Second
)

// Session is a signed-in person.
type Session struct {
	ID       string
	Identity string
	Email    string
	// Verified: the person has shown that they read the address's e-mails.
	Verified bool
	// SecondFactor: the session was begun with one.
	SecondFactor bool
}

// Config says where Kratos listens.
type Config struct {
	PublicURL string
	// Cookie is the name of the session cookie; empty means DefaultCookie.
	Cookie string
}

// Client asks Kratos and remembers its answers for 30 seconds.
type Client struct {
	cookie string
	public *client.APIClient
	now    func() time.Time

	mu    sync.Mutex
	cache map[[sha256.Size]byte]cached
}

type cached struct {
	session Session
	until   time.Time
}

// New returns a client; it does not connect.
func New(cfg Config, now func() time.Time) *Client {
	if cfg.Cookie == "" {
		cfg.Cookie = DefaultCookie
	}
	return &Client{
		cookie: cfg.Cookie, public: api(cfg.PublicURL), now: now,
		cache: make(map[[sha256.Size]byte]cached),
	}
}

func api(url string) *client.APIClient {
	cfg := client.NewConfiguration()
	cfg.Servers = client.ServerConfigurations{{URL: url}}
	cfg.HTTPClient = &http.Client{Timeout: timeout}
	return client.NewAPIClient(cfg)
}

// Credential returns what a request carries: the value of the session cookie, or a native client's session token.
func (c *Client) Credential(header http.Header) (cookie, token string) {
	if token = header.Get("X-Session-Token"); token != "" {
		return "", token
	}
	r := http.Request{Header: header}
	if ck, err := r.Cookie(c.cookie); err == nil {
		return ck.Value, ""
	}
	return "", ""
}

// Session returns who a request's session cookie or token belongs to, or an ErrUnauthenticated; an ErrUnavailable when
// Kratos does not answer.
func (c *Client) Session(ctx context.Context, header http.Header) (Session, error) {
	cookie, token := c.Credential(header)
	if cookie == "" && token == "" {
		return Session{}, fmt.Errorf("sign in first: %w", tenancy.ErrUnauthenticated)
	}
	key := cacheKey(cookie, token)
	if s, ok := c.lookup(key); ok {
		return s, nil
	}
	req := c.public.FrontendAPI.ToSession(ctx)
	if token != "" {
		req = req.XSessionToken(token)
	} else {
		req = req.Cookie((&http.Cookie{Name: c.cookie, Value: cookie}).String())
	}
	answer, res, err := req.Execute() //nolint:bodyclose // the generated client has read and closed it
	if err != nil {
		return Session{}, refusal(res, err)
	}
	if answer.Identity == nil || (answer.Active != nil && !*answer.Active) {
		return Session{}, fmt.Errorf("the session has ended, sign in again: %w", tenancy.ErrUnauthenticated)
	}
	s := Session{ID: answer.Id, Identity: answer.Identity.Id, Email: email(answer.Identity.Traits)}
	s.Verified = verified(answer.Identity, s.Email)
	s.SecondFactor = answer.GetAuthenticatorAssuranceLevel() == client.AUTHENTICATORASSURANCELEVEL_AAL2
	if s.Verified { // who is not may be in a moment, and must not wait
		c.remember(key, s, answer.ExpiresAt)
	}
	return s, nil
}

// Forget drops what is remembered of a request's session, e.g. when it is signing out.
func (c *Client) Forget(header http.Header) {
	key := cacheKey(c.Credential(header))
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.cache, key)
}

func refusal(res *http.Response, err error) error {
	switch {
	case res == nil || res.StatusCode >= http.StatusInternalServerError:
		return errors.Join(fmt.Errorf("the identity server does not answer, try again: %w", tenancy.ErrUnavailable), err)
	case res.StatusCode == http.StatusForbidden: // by our configuration a session must have all that the account has
		return fmt.Errorf("the account has a second factor that this session was begun without, sign in with its code: %w", tenancy.ErrUnauthenticated)
	case res.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("the session has ended, sign in again: %w", tenancy.ErrUnauthenticated)
	default:
		return fmt.Errorf("ask for session: status %d: %w", res.StatusCode, err)
	}
}

func email(traits any) string {
	m, _ := traits.(map[string]any)
	s, _ := m["email"].(string)
	return tenancy.NormalizeEmail(s)
}

func verified(i *client.Identity, address string) bool {
	return slices.ContainsFunc(i.VerifiableAddresses, func(a client.VerifiableIdentityAddress) bool {
		return a.Verified && tenancy.NormalizeEmail(a.Value) == address
	})
}

func cacheKey(cookie, token string) [sha256.Size]byte {
	return sha256.Sum256([]byte(cookie + "\x00" + token))
}

func (c *Client) lookup(key [sha256.Size]byte) (Session, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.cache[key]
	if !ok || !c.now().Before(e.until) {
		delete(c.cache, key)
		return Session{}, false
	}
	return e.session, true
}

func (c *Client) remember(key [sha256.Size]byte, s Session, expires *time.Time) {
	now := c.now()
	until := now.Add(fresh)
	if expires != nil && expires.Before(until) {
		until = *expires
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cache) >= cacheSize {
		c.evict(now)
	}
	c.cache[key] = cached{session: s, until: until}
}

// evict drops what is stale or in the older half of its life, and everything when that was not enough.
func (c *Client) evict(now time.Time) {
	for k, e := range c.cache {
		if e.until.Before(now.Add(fresh / 2)) {
			delete(c.cache, k)
		}
	}
	if len(c.cache) >= cacheSize {
		clear(c.cache)
	}
}
