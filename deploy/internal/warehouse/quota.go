package warehouse

import (
	"math"
	"strconv"
	"time"
)

// codeQuotaExceeded is ClickHouse's for a user whose quota is used up.
const codeQuotaExceeded = 201

// quota bounds the time that a user's statements take. The server counts in fixed intervals; the endpoint refills evenly, most in
// each interval and never beyond most, and a statement that ran for longer is a debt.
type quota struct {
	Name     string        `json:"name"`
	Interval time.Duration `json:"interval"`
	Most     time.Duration `json:"most"`
}

// allowance is what is left of a quota.
type allowance struct {
	quota quota
	left  time.Duration
	at    time.Time
}

// under brings the allowance to now; another quota begins whole.
func (a *allowance) under(q quota, now time.Time) {
	if a.quota != q {
		*a = allowance{quota: q, left: q.Most, at: now}
		return
	}
	if q.Most > 0 {
		a.left = min(q.Most, a.left+time.Duration(float64(now.Sub(a.at))*float64(q.Most)/float64(q.Interval)))
	}
	a.at = now
}

// check refuses a statement while nothing is left, in the server's words.
func (a *allowance) check(name string) error {
	if a.quota.Most <= 0 || a.left > 0 {
		return nil
	}
	wait := time.Duration(float64(-a.left)*float64(a.quota.Interval)/float64(a.quota.Most)) + time.Second
	return exception(codeQuotaExceeded, "QUOTA_EXCEEDED",
		"Quota for user %s for %ds has been exceeded: execution_time = %.3f/%.3f. Interval will end at %s. Name of quota template: %s",
		quoteName(name), int(a.quota.Interval.Seconds()), (a.quota.Most - a.left).Seconds(), a.quota.Most.Seconds(),
		a.at.Add(wait).UTC().Format(time.DateTime), quoteName(a.quota.Name))
}

// createQuota runs, in ClickHouse's words,
//
//	CREATE QUOTA [IF NOT EXISTS | OR REPLACE] name FOR INTERVAL n SECOND MAX execution_time = seconds TO user[, user]
//
// A user has one quota at most, and its own part of it.
func (s *Server) createQuota(p *accessParser) error {
	replace := p.acceptAll("OR", "REPLACE")
	ifNotExists := !replace && p.acceptAll("IF", "NOT", "EXISTS")
	name, err := p.name()
	if err != nil {
		return err
	}
	made := quota{Name: name}
	if made.Interval, made.Most, err = p.measure(); err != nil {
		return err
	}
	names, err := p.names()
	if err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	return s.users.change(func(list map[string]user) error {
		exists := dropQuotas(list, name, replace)
		switch {
		case exists && ifNotExists:
			return nil
		case exists && !replace:
			return exception(codeUserExists, "ACCESS_ENTITY_ALREADY_EXISTS", "quota %s: cannot insert because quota %s already exists", quoteName(name), quoteName(name))
		}
		for _, to := range names {
			old, known := list[to]
			if err := mayChange(to, old, known); err != nil {
				return err
			}
			old.Quota = made
			list[to] = old
		}
		return nil
	})
}

// measure reads "FOR INTERVAL n SECOND MAX execution_time = x TO".
func (p *accessParser) measure() (interval, most time.Duration, err error) {
	if !p.acceptAll("FOR", "INTERVAL") {
		return 0, 0, p.unexpected("FOR INTERVAL")
	}
	if interval, err = p.seconds(); err != nil {
		return 0, 0, err
	}
	if !p.acceptAll("SECOND", "MAX", "execution_time") || p.at.text != "=" {
		return 0, 0, p.unexpected("SECOND MAX execution_time =; the endpoint knows no other measure")
	}
	p.advance()
	if most, err = p.seconds(); err != nil {
		return 0, 0, err
	}
	if !p.accept("TO") {
		return 0, 0, p.unexpected("TO")
	}
	return interval, most, nil
}

// seconds reads a number of seconds, more than none and at most a day.
func (p *accessParser) seconds() (time.Duration, error) {
	n, err := strconv.ParseFloat(p.at.text, 64)
	if p.at.kind != tokenNumber || err != nil || math.IsNaN(n) || n <= 0 || n > 86_400 {
		return 0, p.unexpected("a number of seconds, above 0 and at most 86400")
	}
	p.advance()
	return time.Duration(n * float64(time.Second)), nil
}

// dropQuota runs DROP QUOTA [IF EXISTS] name.
func (s *Server) dropQuota(p *accessParser) error {
	ifExists := p.acceptAll("IF", "EXISTS")
	name, err := p.name()
	if err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	return s.users.change(func(list map[string]user) error {
		if !dropQuotas(list, name, true) && !ifExists {
			return exception(codeUnknownUser, "UNKNOWN_QUOTA", "There is no quota %s in user directories", quoteName(name))
		}
		return nil
	})
}

// dropQuotas says whether any user has the quota, and takes it from them if so wished.
func dropQuotas(list map[string]user, name string, drop bool) (found bool) {
	for of, u := range list {
		if u.Quota.Name != name {
			continue
		}
		found = true
		if drop {
			u.Quota = quota{}
			list[of] = u
		}
	}
	return found
}
