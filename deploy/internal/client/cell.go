package client

import (
	"context"
	"fmt"
	"io"

	"github.com/millwright-io/millwright/deploy/internal/command"
	cellv1 "github.com/millwright-io/millwright/proto/gen/millwright/cell/v1"
)

func cellCommands() []command.Command {
	return []command.Command{{
		Name: "cell list", Summary: "list the installation's cells, their load and headroom; for its operators",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Cells.List(ctx, &cellv1.ListRequest{})
			return c.answer(answer, err, func(w io.Writer) { printCells(w, answer.GetCells()) })
		}),
	}, {
		Name: "cell get", Args: "NAME", Summary: "show a cell; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Cells.Get(ctx, &cellv1.GetRequest{Cell: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printCells(w, []*cellv1.Cell{answer.GetCell()}) })
		}),
	}, {
		Name: "cell drain", Args: "NAME", Summary: "close a cell for new tenants, those it has stay; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Cells.Drain(ctx, &cellv1.DrainRequest{Cell: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printCells(w, []*cellv1.Cell{answer.GetCell()}) })
		}),
	}, {
		Name: "cell undrain", Args: "NAME", Summary: "open a cell for new tenants again; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Cells.Undrain(ctx, &cellv1.UndrainRequest{Cell: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printCells(w, []*cellv1.Cell{answer.GetCell()}) })
		}),
	}, {
		Name: "region list", Summary: "list the regions that a new tenant may choose from; for everybody who can sign in",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Cells.ListRegions(ctx, &cellv1.ListRegionsRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "REGION OPEN REASON", func(row func(...any)) {
					for _, r := range answer.GetRegions() {
						row(r.GetRegion(), r.GetOpen(), r.GetReason())
					}
				})
			})
		}),
	}}
}

func printCells(w io.Writer, cells []*cellv1.Cell) {
	table(w, "CELL REGION STATE HEALTH HEARD VERSION TENANTS EVENTS/S DISK_FREE LAG HEADROOM", func(row func(...any)) {
		for _, c := range cells {
			l := c.GetLoad()
			row(c.GetName(), c.GetRegion(), word(c.GetState(), "CELL_STATE_"), word(c.GetHealth(), "CELL_HEALTH_"), at(c.GetHeardAt()), c.GetVersion(),
				fmt.Sprintf("%d/%d", c.GetPlacedTenants(), l.GetMaxDatabases()), fmt.Sprintf("%.0f/%d", l.GetEventsPerSecond(), l.GetMaxEventsPerSecond()),
				fmt.Sprintf("%dG", l.GetDiskFreeBytes()>>30), fmt.Sprintf("%.2fs", l.GetLagSeconds()), fmt.Sprintf("%.0f%%", 100*l.GetHeadroom()))
		}
	})
}
