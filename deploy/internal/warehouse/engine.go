package warehouse

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/chdb"
)

// engine owns the library: it opens connections in a role, and reloads the grants by starting the engine again inside
// the process, between statements.
type engine struct {
	library  *chdb.Library
	cfg      Config
	log      *slog.Logger
	gate     gate
	learning sync.Mutex
	killing  sync.Mutex // guards the anchor, which cancels statements

	mu      sync.Mutex
	onClose func()          // closes the connections that are kept elsewhere
	anchor  *chdb.Conn      // keeps the engine up while no statement runs
	roles   map[string]bool // the roles that the running engine knows
	idle    []*conn         // admin connections ready for reuse
	walled  []*conn         // tenants' connections ready for reuse, each behind its walls; oldest first
	serial  uint64
	running map[string]*conn
}

// conn is a connection in a role, with the settings that it must return to before it is used again.
type conn struct {
	*chdb.Conn
	name     string // the log_comment by which KILL QUERY finds its statement
	role     string
	database string
	changed  []string
	spoiled  bool
	walls    string // the key of the walls that it stands behind
	good     bool   // its last statement ended well
	abort    func() // ends the request that runs on it
}

func startEngine(library *chdb.Library, cfg Config, grants []grantSet, log *slog.Logger) (*engine, error) {
	e := &engine{library: library, cfg: cfg, log: log, gate: newGate(), running: map[string]*conn{}}
	if err := e.boot(grants); err != nil {
		return nil, err
	}
	return e, nil
}

// boot starts the engine with one role for each set of grants.
func (e *engine) boot(grants []grantSet) error {
	configFile, err := writeEngineConfig(e.cfg, grants)
	if err != nil {
		return err
	}
	anchor, err := e.library.Connect(e.arguments(configFile)...)
	if err != nil {
		return fmt.Errorf("open the ClickHouse data directory %s: %w", e.cfg.DataDir, err)
	}
	roles := map[string]bool{adminRole: true}
	for _, g := range grants {
		roles[g.role()] = true
	}
	e.killing.Lock()
	e.anchor = anchor
	e.killing.Unlock()
	e.mu.Lock()
	e.roles = roles
	e.mu.Unlock()
	return nil
}

func (e *engine) arguments(configFile string) []string {
	return []string{"--path=" + filepath.Join(e.cfg.DataDir, "store"), "--config-file=" + configFile}
}

func (e *engine) identity() (version, timezone string, err error) {
	out, _, err := e.anchor.Query("SELECT version(), timezone()", "TSV")
	if err != nil {
		return "", "", fmt.Errorf("ask the ClickHouse engine for its version: %w", err)
	}
	version, timezone, _ = strings.Cut(strings.TrimSpace(string(out)), "\t")
	return version, timezone, nil
}

// rules asks the engine for the names of its functions.
func (e *engine) rules() (rules, error) {
	var r rules
	for table, names := range map[string]*map[string]bool{"functions": &r.functions, "table_functions": &r.tableFunctions} {
		out, _, err := e.anchor.Query("SELECT lower(name) FROM system."+table, "TSV")
		if err != nil {
			return rules{}, fmt.Errorf("ask the ClickHouse engine for its %s: %w", table, err)
		}
		*names = map[string]bool{}
		for name := range strings.FieldsSeq(string(out)) {
			(*names)[name] = true
		}
	}
	return r, nil
}

// connect returns a connection in role; give it back with release. The caller is inside the gate.
func (e *engine) connect(role string) (*conn, error) {
	e.mu.Lock()
	if n := len(e.idle); role == adminRole && n > 0 {
		defer e.mu.Unlock()
		c := e.idle[n-1]
		e.idle = e.idle[:n-1]
		e.running[c.name] = c
		return c, nil
	}
	e.serial++
	name := "c" + strconv.FormatUint(e.serial, 10)
	e.mu.Unlock()
	// Not under the lock: many tenants' connections must not hold up inserts, which need none of their own.
	raw, err := e.library.Connect(e.arguments(filepath.Join(e.cfg.DataDir, engineConfigFile))...)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, name: name, role: role, database: "default"}
	for _, statement := range []string{"SET ROLE " + quoteName(role), "SET " + e.baseline(c.name)} {
		if err := raw.Exec(statement); err != nil {
			raw.Close()
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running[c.name] = c
	return c, nil
}

// baselineNames are the settings of baseline.
var baselineNames = []string{"log_comment", "implicit_select", "allow_introspection_functions", "max_memory_usage", niceSetting, "max_threads"}

// niceSetting is the engine's name for the nice value of a statement's threads.
const niceSetting = "os_threads_nice_value_query"

// baseline is what every statement starts from.
func (e *engine) baseline(name string) string {
	s := "log_comment = " + quoteText(name) + ", implicit_select = 0, allow_introspection_functions = 0" +
		", max_memory_usage = " + strconv.FormatInt(e.cfg.QueryMemoryLimit, 10) +
		", " + niceSetting + " = " + strconv.Itoa(behind(1))
	if e.cfg.MaxThreads > 0 {
		s += ", max_threads = " + strconv.Itoa(e.cfg.MaxThreads)
	}
	return s
}

// mostWalled is how many of tenants' connections are kept.
const mostWalled = 64

// behindWalls returns a connection that stands behind those walls, nil if there is none. The caller is inside the gate.
func (e *engine) behindWalls(key string) *conn {
	if key == "" {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	at := slices.IndexFunc(e.walled, func(c *conn) bool { return c.walls == key })
	if at < 0 {
		return nil
	}
	c := e.walled[at]
	e.walled = slices.Delete(e.walled, at, at+1)
	e.running[c.name] = c
	return c
}

// release takes the connection back: a clean one is kept for the next statement, any other is closed.
func (e *engine) release(c *conn) {
	keep := c.role == adminRole && !c.spoiled && e.reset(c) == nil
	e.mu.Lock()
	delete(e.running, c.name)
	c.abort = nil
	if c.walls != "" && c.good {
		e.walled = append(e.walled, c)
		if len(e.walled) <= mostWalled {
			e.mu.Unlock()
			return
		}
		c = e.walled[0]
		e.walled = slices.Delete(e.walled, 0, 1)
	}
	if keep && len(e.idle) < e.cfg.MaxConcurrentQueries {
		e.idle = append(e.idle, c)
		e.mu.Unlock()
		return
	}
	e.mu.Unlock()
	c.Close()
}

// reset undoes the settings that the last request made.
func (e *engine) reset(c *conn) error {
	if len(c.changed) == 0 {
		return nil
	}
	defaults, based := make([]string, len(c.changed)), false
	for i, name := range c.changed {
		defaults[i] = name + " = DEFAULT"
		based = based || slices.Contains(baselineNames, name)
	}
	c.changed = nil
	if err := c.Exec("SET " + strings.Join(defaults, ", ")); err != nil || !based {
		return err
	}
	return c.Exec("SET " + e.baseline(c.name))
}

// kill cancels the statement that runs on the named connection.
func (e *engine) kill(name string) {
	e.killing.Lock()
	defer e.killing.Unlock()
	if e.anchor == nil {
		return
	}
	if err := e.anchor.Exec("KILL QUERY WHERE Settings['log_comment'] = " + quoteText(name) + " ASYNC"); err != nil {
		e.log.Warn("cancel a statement", slog.String("connection", name), slog.Any("error", err))
	}
}

// killOnCancel cancels the named connection's statement when ctx is done, again and again until stop is called: the
// statement may not have begun when the client goes away.
func (e *engine) killOnCancel(ctx context.Context, name string) (stop func()) {
	ended, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			e.kill(name)
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(ended); <-finished }
}

// killAll ends every running request.
func (e *engine) killAll() {
	e.mu.Lock()
	var aborts []func()
	for _, c := range e.running {
		if c.abort != nil {
			aborts = append(aborts, c.abort)
		}
	}
	e.mu.Unlock()
	for _, abort := range aborts {
		abort()
	}
}

// onAbort says what ends the request that runs on c.
func (e *engine) onAbort(c *conn, abort func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.abort = abort
}

func (e *engine) knows(role string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.roles[role]
}

// reload makes the engine know the roles of grants: it lets the running statements end (and cancels those that have
// not ended within the drain timeout), and starts the engine again on the same directory. New statements wait.
func (e *engine) reload(grants []grantSet) error {
	begun := time.Now()
	if err := e.gate.shut(e.cfg.DrainTimeout, e.killAll); err != nil {
		return err
	}
	defer e.gate.open()
	e.closeConns()
	if err := e.boot(grants); err != nil {
		return err
	}
	e.log.Info("clickhouse grants loaded", slog.Int("roles", len(grants)), slog.Duration("took", time.Since(begun)))
	return nil
}

func (e *engine) stop(timeout time.Duration) error {
	if err := e.gate.shut(timeout, e.killAll); err != nil {
		return err
	}
	e.closeConns()
	return nil
}

func (e *engine) closeConns() {
	if e.onClose != nil {
		e.onClose()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range append(e.idle, e.walled...) {
		c.Close()
	}
	e.idle, e.walled = nil, nil
	e.killing.Lock()
	defer e.killing.Unlock()
	if e.anchor != nil {
		e.anchor.Close()
		e.anchor = nil
	}
}

// learn reloads the engine with the grants of all users, unless another caller has just done so.
func (e *engine) learn(role string, grants func() []grantSet) error {
	e.learning.Lock()
	defer e.learning.Unlock()
	if e.knows(role) {
		return nil
	}
	return e.reload(grants())
}
