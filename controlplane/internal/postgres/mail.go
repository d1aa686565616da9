package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/mail"
	"github.com/millwright-io/millwright/controlplane/internal/member"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// maxAttempts spreads over about eight hours.
	maxAttempts  = 10
	firstBackoff = 30 * time.Second
	maxBackoff   = 2 * time.Hour
)

// Mail implements mail.Queue.
func (s *Store) Mail() <-chan struct{} { return s.mail }

func (s *Store) wakeMail() {
	select {
	case s.mail <- struct{}{}:
	default:
	}
}

type queued struct {
	seq      int64
	tenant   tenancy.ID
	object   string
	attempts int
}

// NextInvitation implements mail.Queue. The row is locked while the e-mail is on its way, so that two processes do not
// send it twice; a crash in between does.
func (s *Store) NextInvitation(ctx context.Context, now time.Time,
	send func(ctx context.Context, organisation string, i member.Invitation) ([]byte, error),
) (more bool, err error) {
	return s.nextMail(ctx, now, "invitation", func(tx pgx.Tx, q queued) error {
		i, err := readInvitation(ctx, tx, q.object)
		if errors.Is(err, tenancy.ErrNotFound) {
			return forget(ctx, tx, q.seq) // revoked, or replaced by a newer one
		}
		if err != nil {
			return err
		}
		t, err := s.tenant(ctx, tx, q.tenant)
		if err != nil {
			return err
		}
		hash, failure := send(ctx, t.Name, i)
		return settle(ctx, tx, q, now, hash, failure)
	})
}

// nextMail hands the first e-mail of a kind that is due to work, in a transaction that sees its tenant.
func (s *Store) nextMail(ctx context.Context, now time.Time, kind string, work func(tx pgx.Tx, q queued) error) (more bool, err error) {
	err = translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var q queued
		const next = `
select seq, tenant_id, object_id, attempts from mail_outbox
where due_at <= $1 and kind = $2 order by due_at, seq limit 1 for update skip locked`
		err := tx.QueryRow(ctx, next, now, kind).Scan(&q.seq, &q.tenant, &q.object, &q.attempts)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read e-mail queue: %w", err)
		}
		more = true
		if err := set(ctx, tx, "millwright.tenant", string(q.tenant)); err != nil {
			return err
		}
		return work(tx, q)
	}))
	return more, err
}

const selectNotice = `
select n.name, n.percent, n.used, n.maximum, n.created_at, m.email, t.name
from limit_notices n
join members m on m.tenant_id = n.tenant_id and m.person_id = @person and m.role in ('owner', 'admin')
join tenants t on t.id = n.tenant_id
where n.tenant_id = @tenant and n.name = @name and n.day = @day::date and n.percent = @percent`

// NextNotice implements mail.Queue. Who is no owner or admin any more gets none; what is refused for good is let go: the
// console shows it too.
func (s *Store) NextNotice(ctx context.Context, now time.Time, send func(ctx context.Context, n mail.Notice) error) (more bool, err error) {
	return s.nextMail(ctx, now, "limit_notice", func(tx pgx.Tx, q queued) error {
		parts := strings.SplitN(q.object, "/", 4)
		if len(parts) != 4 {
			return forget(ctx, tx, q.seq)
		}
		percent, _ := strconv.Atoi(parts[2])
		var n mail.Notice
		err := tx.QueryRow(ctx, selectNotice, pgx.NamedArgs{
			"tenant": q.tenant, "name": parts[0], "day": parts[1], "percent": percent, "person": parts[3],
		}).Scan(&n.Limit, &n.Percent, &n.Used, &n.Maximum, &n.CreatedAt, &n.To, &n.Organisation)
		if errors.Is(err, pgx.ErrNoRows) {
			return forget(ctx, tx, q.seq)
		}
		if err != nil {
			return fmt.Errorf("read notice: %w", err)
		}
		failure := send(ctx, n)
		if failure == nil || errors.Is(failure, mail.ErrRefused) || q.attempts+1 >= maxAttempts {
			return forget(ctx, tx, q.seq)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return putOff(ctx, tx, q, now)
	})
}

// NextLetter implements mail.Queue. What is refused for good is let go: the courier's log has it.
func (s *Store) NextLetter(ctx context.Context, now time.Time, send func(ctx context.Context, m mail.Message) error) (more bool, err error) {
	return s.nextMail(ctx, now, "letter", func(tx pgx.Tx, q queued) error {
		var m mail.Message
		err := tx.QueryRow(ctx, "select recipient, subject, body from letters where id = $1", q.object).Scan(&m.To, &m.Subject, &m.Text)
		if errors.Is(err, pgx.ErrNoRows) {
			return forget(ctx, tx, q.seq)
		}
		if err != nil {
			return fmt.Errorf("read letter: %w", err)
		}
		failure := send(ctx, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if failure != nil && !errors.Is(failure, mail.ErrRefused) && q.attempts+1 < maxAttempts {
			return putOff(ctx, tx, q, now)
		}
		if _, err := tx.Exec(ctx, "delete from letters where id = $1", q.object); err != nil {
			return fmt.Errorf("forget letter: %w", err)
		}
		return forget(ctx, tx, q.seq)
	})
}

// putOff has another attempt made later.
func putOff(ctx context.Context, tx pgx.Tx, q queued, now time.Time) error {
	backoff := min(firstBackoff<<q.attempts, maxBackoff)
	const later = "update mail_outbox set attempts = attempts + 1, due_at = $2 where seq = $1"
	if _, err := tx.Exec(ctx, later, q.seq, now.Add(backoff)); err != nil {
		return fmt.Errorf("put e-mail off: %w", err)
	}
	return nil
}

// settle keeps what came of an attempt.
func settle(ctx context.Context, tx pgx.Tx, q queued, now time.Time, hash []byte, failure error) error {
	if failure == nil {
		const sent = "update invitations set token_hash = $2, sent_at = $3, failure = '' where id = $1"
		if _, err := tx.Exec(ctx, sent, q.object, hash, now); err != nil {
			return fmt.Errorf("note sent e-mail: %w", err)
		}
		return forget(ctx, tx, q.seq)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !errors.Is(failure, mail.ErrRefused) && q.attempts+1 < maxAttempts {
		return putOff(ctx, tx, q, now)
	}
	if _, err := tx.Exec(ctx, "update invitations set failure = $2 where id = $1", q.object, failure.Error()); err != nil {
		return fmt.Errorf("note failed e-mail: %w", err)
	}
	return forget(ctx, tx, q.seq)
}

func forget(ctx context.Context, tx pgx.Tx, seq int64) error {
	if _, err := tx.Exec(ctx, "delete from mail_outbox where seq = $1", seq); err != nil {
		return fmt.Errorf("empty e-mail queue: %w", err)
	}
	return nil
}
