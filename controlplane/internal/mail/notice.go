package mail

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/millwright-io/millwright/controlplane/internal/limit"
	"github.com/millwright-io/millwright/tenancy"
)

// Notice is what one owner or admin is told of a limit.
type Notice struct {
	limit.Notice
	Organisation, To string
}

func (c *Courier) notify(ctx context.Context, n Notice) error {
	err := c.sender.Send(ctx, notice(c.origin, n))
	if err != nil {
		c.log.WarnContext(ctx, "a notice could not be sent", slog.String("limit", n.Limit), slog.Any("error", err))
	}
	return err
}

// notice is the e-mail.
func notice(origin string, n Notice) Message {
	definition, _ := tenancy.LimitNamed(n.Limit)
	subject := fmt.Sprintf("%s: %d %% of %s used", n.Organisation, n.Percent, definition.Title)
	what := "Soon this happens: " + definition.Trips + "."
	if n.Percent >= 100 {
		what = "From here on: " + definition.Trips + "."
	}
	return Message{To: n.To, Subject: subject, Text: fmt.Sprintf(`%s uses %d of %d %s (%s).

%s

What is used, what was refused and how that went over time:

%s/settings/limits?limit=%s

You get this because you are an owner or admin; each limit is told of once a day at 80 and at 100 per cent.
`, n.Organisation, n.Used, n.Maximum, definition.Unit, n.Limit, what, origin, n.Limit)}
}
