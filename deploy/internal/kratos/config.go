// Package kratos runs Ory Kratos, the identity server, as a child of `millwright up`: it writes its configuration,
// migrates its database and describes its process. People reach it only through the control plane, which serves its
// public API below /identity/ of the console's own origin. Package up imports it.
package kratos

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/durable"
)

// Version is that of deploy/tools/kratos.
const Version = "v1.3.1"

// Config says where Kratos is, what it keeps where, and the origin it is seen at.
type Config struct {
	// Binary is the built server, see `make .tools/kratos`.
	Binary string
	// Dir takes the configuration.
	Dir string
	// DSN is the connection string of its database, password included.
	DSN string
	// PublicPort and AdminPort are loopback ports. The admin API asks for no credentials.
	PublicPort int
	AdminPort  int
	// Origin is the console's, e.g. http://127.0.0.1:8080. With plain http, cookies go without the Secure mark.
	Origin string
	// CookieSecret signs cookies; CipherSecret has 32 characters.
	CookieSecret string
	CipherSecret string
	// MailURL is the mail server in Kratos' form: smtps://user:password@host:465, smtp://host:587 (STARTTLS), or
	// smtp://127.0.0.1:1025/?disable_starttls=true.
	MailURL string
	// MailFrom is the address that e-mails come from.
	MailFrom string
	// LogPath takes the server's output.
	LogPath string
}

// bcryptCost is the least that Kratos accepts outside its development mode. It costs a third of a second for each
// sign-up and sign-in, which the few of a test run can bear; so tests hash as users do.
const bcryptCost = 12

type object = map[string]any

// document is the configuration, in the form of Kratos' schema.
func (c Config) document() (object, error) {
	origin, err := url.Parse(c.Origin)
	if err != nil || origin.Host == "" {
		return nil, fmt.Errorf("origin %q: want a URL such as http://127.0.0.1:8080", c.Origin)
	}
	base := strings.TrimRight(c.Origin, "/")
	return object{
		"version": Version,
		"dsn":     c.DSN,
		// Kratos calls it development mode; what it changes here is that cookies work over plain http.
		"dev": origin.Scheme == "http",
		"serve": object{
			"public": object{"host": "127.0.0.1", "port": c.PublicPort, "base_url": base + "/identity/", "request_log": object{"disable_for_health": true}},
			"admin":  object{"host": "127.0.0.1", "port": c.AdminPort, "request_log": object{"disable_for_health": true}},
		},
		"selfservice": selfService(base),
		"courier":     object{"smtp": object{"connection_uri": c.MailURL, "from_address": c.MailFrom, "from_name": "Millwright"}},
		"session":     object{"whoami": object{"required_aal": "highest_available"}, "lifespan": "168h", "earliest_possible_extend": "24h", "cookie": object{"same_site": "Lax", "path": "/", "persistent": true}},
		"cookies":     object{"same_site": "Lax", "path": "/"},
		"secrets":     object{"cookie": []string{c.CookieSecret}, "cipher": []string{c.CipherSecret}},
		"ciphers":     object{"algorithm": "xchacha20-poly1305"},
		"hashers":     object{"algorithm": "bcrypt", "bcrypt": object{"cost": bcryptCost}},
		"identity": object{
			"default_schema_id": "person",
			"schemas":           []object{{"id": "person", "url": "file://" + c.schemaPath()}},
		},
		"log": object{"level": "warning", "format": "text", "leak_sensitive_values": false},
	}, nil
}

// selfService names the pages that the console has. Who signs up is signed in at once and asked to verify the address.
func selfService(base string) object {
	page := func(path string) object { return object{"ui_url": base + path} }
	registration := page("/sign-up")
	registration["after"] = object{"password": object{"hooks": []object{{"hook": "session"}, {"hook": "show_verification_ui"}}}}
	settings := page("/account")
	settings["privileged_session_max_age"] = "15m"
	settings["required_aal"] = "highest_available"
	recovery, verification := page("/recovery"), page("/verification")
	for _, flow := range []object{recovery, verification} {
		flow["enabled"], flow["use"], flow["lifespan"] = true, "code", "1h"
	}
	verification["after"] = object{"default_browser_return_url": base + "/"}
	return object{
		"default_browser_return_url": base + "/",
		"allowed_return_urls":        []string{base},
		"methods": object{
			"password": object{"enabled": true, "config": object{"haveibeenpwned_enabled": false, "min_password_length": 8}},
			"code":     object{"enabled": true, "config": object{"lifespan": "1h"}},
			"link":     object{"enabled": false},
			"totp":     object{"enabled": true, "config": object{"issuer": "Millwright"}},
		},
		"flows": object{
			"error": page("/error"), "login": page("/sign-in"), "registration": registration, "settings": settings,
			"recovery": recovery, "verification": verification,
			"logout": object{"after": object{"default_browser_return_url": base + "/sign-in"}},
		},
	}
}

// person is the schema of an identity: an e-mail address to sign in with and a name.
func person() object {
	return object{
		"$id":     "https://millwright.io/schemas/person.json",
		"$schema": "http://json-schema.org/draft-07/schema#",
		"title":   "Person",
		"type":    "object",
		"properties": object{
			"traits": object{
				"type": "object",
				"properties": object{
					"email": object{
						"type": "string", "format": "email", "title": "E-mail", "minLength": 3, "maxLength": 254,
						"ory.sh/kratos": object{
							"credentials":  object{"password": object{"identifier": true}, "totp": object{"account_name": true}},
							"verification": object{"via": "email"},
							"recovery":     object{"via": "email"},
						},
					},
					"name": object{"type": "string", "title": "Name", "maxLength": 120},
				},
				"required":             []string{"email"},
				"additionalProperties": false,
			},
		},
	}
}

func (c Config) path() string       { return filepath.Join(c.Dir, "kratos.json") }
func (c Config) schemaPath() string { return filepath.Join(c.Dir, "person.schema.json") }

// write puts the configuration in place. It holds secrets, so only this user may read it.
func (c Config) write() error {
	document, err := c.document()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of kratos: %w", err)
	}
	for path, content := range map[string]object{c.path(): document, c.schemaPath(): person()} {
		text, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return fmt.Errorf("encode %s: %w", path, err)
		}
		if err := durable.WriteFile(path, append(text, '\n'), 0o600); err != nil {
			return fmt.Errorf("write the configuration of kratos: %w", err)
		}
	}
	return nil
}
