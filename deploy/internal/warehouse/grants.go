package warehouse

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	adminRole        = "admin"
	engineConfigFile = "engine.xml"
	usersConfigFile  = "roles.xml"
)

// grant lets its user SELECT from, or INSERT into, or both, every table of one database.
type grant struct {
	Database string `json:"database"`
	Select   bool   `json:"select,omitempty"`
	Insert   bool   `json:"insert,omitempty"`
}

// grantSet is all that a user may do. Two users with the same set share a role of the engine.
type grantSet []grant

// role names the engine's role for the set: a function of the grants, so a role's meaning never changes.
func (g grantSet) role() string {
	sum := sha256.Sum256([]byte(strings.Join(g.statements(), ";")))
	return "g" + hex.EncodeToString(sum[:12])
}

func (g grantSet) statements() []string {
	out := make([]string, 0, len(g))
	for _, one := range g {
		var rights []string
		if one.Select {
			rights = append(rights, "SELECT")
		}
		if one.Insert {
			rights = append(rights, "INSERT")
		}
		out = append(out, "GRANT "+strings.Join(rights, ", ")+" ON "+quoteName(one.Database)+".*")
	}
	slices.Sort(out)
	return out
}

func (g grantSet) covers(database string) bool {
	return slices.ContainsFunc(g, func(one grant) bool { return one.Database == database })
}

// writeEngineConfig writes the engine's own configuration. The engine cannot create users (it has no writable access
// storage), but it reads roles with their grants when it starts and enforces them on a session that did SET ROLE. So
// its only user, who cannot log in from anywhere but this process, holds no right of his own, only roles.
func writeEngineConfig(cfg Config, grants []grantSet) (string, error) {
	server := "<clickhouse>\n" +
		element("users_config", filepath.Join(cfg.DataDir, usersConfigFile)) +
		element("max_server_memory_usage", strconv.FormatInt(cfg.MemoryLimit, 10)) +
		element("mark_cache_size", strconv.FormatInt(cfg.MemoryLimit/16, 10)) +
		element("max_thread_pool_free_size", "16") +
		"</clickhouse>\n"
	var roles strings.Builder
	names := []string{adminRole}
	roles.WriteString("<" + adminRole + "><grants>" + element("query", "GRANT ALL ON *.*") + "</grants></" + adminRole + ">\n")
	for _, set := range grants {
		name := set.role()
		if slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		roles.WriteString("<" + name + "><grants>")
		for _, statement := range set.statements() {
			roles.WriteString(element("query", statement))
		}
		roles.WriteString("</grants></" + name + ">\n")
	}
	users := "<clickhouse><profiles><default/></profiles><quotas><default/></quotas>\n<roles>\n" + roles.String() + "</roles>\n" +
		"<users><default><password></password><networks><ip>::1</ip><ip>127.0.0.1</ip></networks>" +
		"<profile>default</profile><quota>default</quota><grants>" +
		element("query", "GRANT "+strings.Join(names, ", ")) + "</grants></default></users></clickhouse>\n"
	if err := writeFile(filepath.Join(cfg.DataDir, usersConfigFile), []byte(users)); err != nil {
		return "", err
	}
	path := filepath.Join(cfg.DataDir, engineConfigFile)
	return path, writeFile(path, []byte(server))
}

func element(name, text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text))
	return "<" + name + ">" + b.String() + "</" + name + ">\n"
}

// writeFile replaces path at once and durably, readable by its owner alone.
func writeFile(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func quoteName(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

func quoteText(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'", "\x00", "\\0").Replace(s) + "'"
}
