package client

import (
	"context"
	"io"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
)

func tokenKeyCommands() []command.Command {
	return []command.Command{{
		Name: "platform token-keys", Summary: "list the keys that sign cell tokens; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Platform.ListTokenKeys(ctx, &platformv1.ListTokenKeysRequest{})
			return c.answer(answer, err, func(w io.Writer) { printTokenKeys(w, answer.GetKeys()) })
		}),
	}, {
		Name: "platform retire-token-key", Args: "[KEY]", Summary: "refuse what a key of cell tokens signed, as it leaked, by default the one that signs now, and sign with another; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Platform.RetireTokenKey(ctx, &platformv1.RetireTokenKeyRequest{KeyId: strings.Join(c.args, "")})
			return c.answer(answer, err, func(w io.Writer) { printTokenKeys(w, answer.GetKeys()) })
		}),
	}}
}

func printTokenKeys(w io.Writer, keys []*platformv1.TokenKey) {
	table(w, "KEY STATE PUBLISHED SIGNS_FROM RETIRED", func(row func(...any)) {
		for _, k := range keys {
			row(k.GetKeyId(), word(k.GetState(), "TOKEN_KEY_STATE_"), at(k.GetPublishedAt()), at(k.GetSignsFrom()), at(k.GetRetiredAt()))
		}
	})
}
