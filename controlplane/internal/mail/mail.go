// Package mail writes the product's e-mails and sees them sent: a courier takes what the store has queued and gives it
// to a mail server. postgres implements its queue, smtp its sender; the composition root runs it.
package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/member"
)

// ErrRefused says that the mail server will never take an e-mail, so that trying again is of no use.
var ErrRefused = errors.New("the mail server refused it")

// Message is an e-mail of plain text to one reader.
type Message struct{ To, Subject, Text string }

// Sender gives an e-mail to a mail server; an ErrRefused is final.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Queue holds what is to be sent.
type Queue interface {
	// NextInvitation calls send with the first invitation whose e-mail is due, and keeps what came of it: the hash of its
	// token, or the time of the next attempt. more is false when none was due.
	NextInvitation(ctx context.Context, now time.Time, send func(ctx context.Context, organisation string, i member.Invitation) (hash []byte, err error)) (more bool, err error)
	// NextNotice calls send with the first notice of a limit whose e-mail is due, and keeps what came of it.
	NextNotice(ctx context.Context, now time.Time, send func(ctx context.Context, n Notice) error) (more bool, err error)
	// NextLetter calls send with the first e-mail that is due of those that are sent as they are, and keeps what came of it.
	NextLetter(ctx context.Context, now time.Time, send func(ctx context.Context, m Message) error) (more bool, err error)
	// Mail wakes the courier after a transaction of this process queued something.
	Mail() <-chan struct{}
}

// look is how often the courier looks for what other processes queued, and for what was put off.
const look = 2 * time.Second

// Courier sends what is queued.
type Courier struct {
	queue  Queue
	sender Sender
	origin string
	log    *slog.Logger
	now    func() time.Time
}

// NewCourier returns a courier whose links lead to the console at origin.
func NewCourier(queue Queue, sender Sender, origin string, log *slog.Logger, now func() time.Time) *Courier {
	return &Courier{queue: queue, sender: sender, origin: origin, log: log, now: now}
}

// Run sends until ctx is done.
func (c *Courier) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		c.drain(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-c.queue.Mail():
		}
	}
}

// drain sends what is due. A failure of the queue ends the round; the next one begins again.
func (c *Courier) drain(ctx context.Context) {
	for ctx.Err() == nil {
		invited, err := c.queue.NextInvitation(ctx, c.now(), c.invite)
		noticed := false
		if err == nil {
			noticed, err = c.queue.NextNotice(ctx, c.now(), c.notify)
		}
		written := false
		if err == nil {
			written, err = c.queue.NextLetter(ctx, c.now(), c.deliver)
		}
		if err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "cannot work on the e-mail queue", slog.Any("error", err))
		}
		if err != nil || !invited && !noticed && !written {
			return
		}
	}
}

func (c *Courier) deliver(ctx context.Context, m Message) error {
	err := c.sender.Send(ctx, m)
	if err != nil {
		c.log.WarnContext(ctx, "an e-mail could not be sent", slog.String("subject", m.Subject), slog.Any("error", err))
	}
	return err
}

func (c *Courier) invite(ctx context.Context, organisation string, i member.Invitation) ([]byte, error) {
	token, hash := member.NewToken(i.ID)
	err := c.sender.Send(ctx, invitation(c.origin, organisation, i, token))
	if err != nil {
		c.log.WarnContext(ctx, "an invitation could not be sent", slog.String("invitation", i.ID), slog.Any("error", err))
	}
	return hash, err
}

// invitation is the e-mail. The token is behind the link's #, which no server along the way sees.
func invitation(origin, organisation string, i member.Invitation, token string) Message {
	return Message{
		To: i.Email, Subject: "Join " + organisation + " on Millwright",
		Text: fmt.Sprintf(`%s invites you to join %s on Millwright as %s.

Open this link to accept; it works once, until %s:

%s/invitation#%s

You do not know what this is? Then ignore this e-mail: nothing happens without the link.
`, i.InvitedBy, organisation, i.Role, i.ExpiresAt.UTC().Format("2 January 2006 15:04 UTC"), origin, token),
	}
}
