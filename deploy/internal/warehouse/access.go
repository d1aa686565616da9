package warehouse

import (
	"encoding/hex"
	"slices"
	"strings"
)

// manageUsers runs sql if it is one of the statements about users, in ClickHouse's own words:
//
//	CREATE USER [IF NOT EXISTS | OR REPLACE] name IDENTIFIED WITH sha256_password BY '…' | sha256_hash BY '…' [DEFAULT DATABASE db]
//	ALTER USER [IF EXISTS] name [IDENTIFIED WITH …] [DEFAULT DATABASE db]
//	DROP USER [IF EXISTS] name
//	CREATE QUOTA [IF NOT EXISTS | OR REPLACE] quota FOR INTERVAL n SECOND MAX execution_time = seconds TO name[, name]
//	DROP QUOTA [IF EXISTS] quota
//	GRANT SELECT[, INSERT] ON db.* TO name        REVOKE SELECT[, INSERT] ON db.* FROM name
//
// The endpoint keeps the users itself, for the engine has no storage for them.
func (s *Server) manageUsers(sql string) (done bool, err error) {
	p := &accessParser{lexer: lexer{sql: sql}}
	p.advance()
	verb := p.at
	p.advance()
	switch {
	case verb.is("CREATE") && p.accept("USER"):
		return true, s.createUser(p)
	case verb.is("CREATE") && p.accept("QUOTA"):
		return true, s.createQuota(p)
	case verb.is("ALTER") && p.accept("USER"):
		return true, s.alterUser(p)
	case verb.is("DROP") && p.accept("USER"):
		return true, s.dropUser(p)
	case verb.is("DROP") && p.accept("QUOTA"):
		return true, s.dropQuota(p)
	case verb.is("GRANT"):
		return true, s.changeGrants(p, "TO", grantRights)
	case verb.is("REVOKE"):
		return true, s.changeGrants(p, "FROM", revokeRights)
	}
	return false, nil
}

func (s *Server) createUser(p *accessParser) error {
	replace := p.acceptAll("OR", "REPLACE")
	ifNotExists := !replace && p.acceptAll("IF", "NOT", "EXISTS")
	name, err := p.name()
	if err != nil {
		return err
	}
	var made user
	if !p.at.is("IDENTIFIED") {
		return p.unexpected("IDENTIFIED WITH sha256_password BY '…'")
	}
	if err := p.describeUser(&made); err != nil {
		return err
	}
	return s.users.change(func(list map[string]user) error {
		old, exists := list[name]
		switch {
		case exists && old.admin:
			return denied("User %s is the endpoint's admin; its password is in its password file", name)
		case exists && ifNotExists:
			return nil
		case exists && !replace:
			return exception(codeUserExists, "ACCESS_ENTITY_ALREADY_EXISTS", "user %s: cannot insert because user %s already exists", quoteName(name), quoteName(name))
		}
		list[name] = made
		return nil
	})
}

func (s *Server) alterUser(p *accessParser) error {
	ifExists := p.acceptAll("IF", "EXISTS")
	name, err := p.name()
	if err != nil {
		return err
	}
	edit := *p // parsed again on the user that the list holds
	if err := p.describeUser(&user{}); err != nil {
		return err
	}
	return s.users.change(func(list map[string]user) error {
		old, exists := list[name]
		if !exists && ifExists {
			return nil
		}
		if err := mayChange(name, old, exists); err != nil {
			return err
		}
		if err := edit.describeUser(&old); err != nil {
			return err
		}
		list[name] = old
		return nil
	})
}

func (s *Server) dropUser(p *accessParser) error {
	ifExists := p.acceptAll("IF", "EXISTS")
	names, err := p.names()
	if err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	return s.users.change(func(list map[string]user) error {
		for _, name := range names {
			old, exists := list[name]
			if !exists && ifExists {
				continue
			}
			if err := mayChange(name, old, exists); err != nil {
				return err
			}
			delete(list, name)
		}
		return nil
	})
}

func (s *Server) changeGrants(p *accessParser, preposition string, change func(grantSet, rights) grantSet) error {
	what, err := p.rights()
	if err != nil {
		return err
	}
	if !p.accept(preposition) {
		return p.unexpected(preposition)
	}
	names, err := p.names()
	if err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	return s.users.change(func(list map[string]user) error {
		for _, name := range names {
			old, exists := list[name]
			if err := mayChange(name, old, exists); err != nil {
				return err
			}
			old.Grants = change(old.Grants, what)
			list[name] = old
		}
		return nil
	})
}

func mayChange(name string, old user, exists bool) error {
	if !exists {
		return exception(codeUnknownUser, "UNKNOWN_USER", "There is no user %s in user directories", quoteName(name))
	}
	if old.admin {
		return denied("User %s is the endpoint's admin; it cannot be changed by a statement", name)
	}
	return nil
}

// rights is what a GRANT or REVOKE names.
type rights struct {
	database string
	sel, ins bool
}

func grantRights(set grantSet, r rights) grantSet {
	out := slices.Clone(set)
	i := slices.IndexFunc(out, func(g grant) bool { return g.Database == r.database })
	if i < 0 {
		out = append(out, grant{Database: r.database})
		i = len(out) - 1
	}
	out[i].Select = out[i].Select || r.sel
	out[i].Insert = out[i].Insert || r.ins
	return out
}

func revokeRights(set grantSet, r rights) grantSet {
	var out grantSet
	for _, g := range set {
		if g.Database == r.database {
			g.Select = g.Select && !r.sel
			g.Insert = g.Insert && !r.ins
		}
		if g.Select || g.Insert {
			out = append(out, g)
		}
	}
	return out
}

// accessParser reads the statements about users.
type accessParser struct {
	lexer lexer
	at    token
}

func (p *accessParser) advance() { p.at = p.lexer.next() }

func (p *accessParser) accept(keyword string) bool {
	if !p.at.is(keyword) {
		return false
	}
	p.advance()
	return true
}

// acceptAll takes the keywords if the first of them is there.
func (p *accessParser) acceptAll(keywords ...string) bool {
	if !p.at.is(keywords[0]) {
		return false
	}
	for _, k := range keywords {
		if !p.accept(k) {
			return false
		}
	}
	return true
}

func (p *accessParser) name() (string, error) {
	if p.at.kind != tokenWord && p.at.kind != tokenQuoted && p.at.kind != tokenText || p.at.value() == "" {
		return "", p.unexpected("a name")
	}
	name := p.at.value()
	p.advance()
	return name, nil
}

func (p *accessParser) names() ([]string, error) {
	var names []string
	for {
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		if p.at.text != "," {
			return names, nil
		}
		p.advance()
	}
}

// describeUser reads the clauses after the name of a CREATE or ALTER USER into u.
func (p *accessParser) describeUser(u *user) error {
	for {
		switch {
		case p.accept("IDENTIFIED"):
			if err := p.identification(u); err != nil {
				return err
			}
		case p.accept("DEFAULT"):
			if !p.accept("DATABASE") {
				return p.unexpected("DATABASE")
			}
			name, err := p.name()
			if err != nil {
				return err
			}
			u.Database = name
		default:
			return p.end()
		}
	}
}

func (p *accessParser) identification(u *user) error {
	hashed := false
	if p.accept("WITH") {
		switch {
		case p.accept("sha256_hash"):
			hashed = true
		case p.accept("sha256_password"):
		default:
			return p.unexpected("sha256_password or sha256_hash")
		}
	}
	if !p.accept("BY") {
		return p.unexpected("BY")
	}
	if p.at.kind != tokenText {
		return p.unexpected("a quoted password")
	}
	secret := p.at.value()
	p.advance()
	if !hashed {
		if secret == "" {
			return exception(codeBadArguments, "BAD_ARGUMENTS", "The password is empty; give the user one")
		}
		u.Hash = hashPassword(secret)
		return nil
	}
	if raw, err := hex.DecodeString(secret); err != nil || len(raw) != 32 {
		return exception(codeBadArguments, "BAD_ARGUMENTS", "sha256_hash takes 64 hexadecimal digits")
	}
	u.Hash = strings.ToLower(secret)
	return nil
}

// rights reads "SELECT, INSERT ON db.*".
func (p *accessParser) rights() (rights, error) {
	var r rights
	for {
		switch {
		case p.accept("SELECT"):
			r.sel = true
		case p.accept("INSERT"):
			r.ins = true
		default:
			return r, p.unexpected("SELECT or INSERT; the endpoint knows no other right")
		}
		if p.at.text != "," {
			break
		}
		p.advance()
	}
	if !p.accept("ON") {
		return r, p.unexpected("ON")
	}
	if p.at.kind == tokenText {
		return r, p.unexpected("the name of a database")
	}
	var err error
	if r.database, err = p.name(); err != nil {
		return r, err
	}
	for _, sign := range []string{".", "*"} {
		if p.at.text != sign {
			return r, p.unexpected("database.*; the endpoint grants whole databases")
		}
		p.advance()
	}
	switch strings.ToLower(r.database) {
	case "system", "information_schema", "default":
		return r, denied("The database %s cannot be granted; give each user a database of its own", r.database)
	}
	return r, nil
}

func (p *accessParser) end() error {
	if p.at.text == ";" {
		p.advance()
	}
	if p.at.kind != tokenEnd {
		return p.unexpected("the end of the statement")
	}
	return nil
}

// unexpected tells what was expected where, without the text around it, which may hold a password.
func (p *accessParser) unexpected(want string) error {
	return exception(codeSyntaxError, "SYNTAX_ERROR", "Syntax error in a statement about users at position %d: expected %s", p.at.start+1, want)
}
