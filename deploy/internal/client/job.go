package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	jobv1 "github.com/millwright-io/millwright/proto/gen/millwright/job/v1"
)

const largestImport = 7_340_032

func jobCommands() []command.Command {
	return []command.Command{{
		Name: "device import", Args: "FILE", Summary: "register the devices of a CSV file, each with a certificate",
		Details: "The first line names the columns: device_id and device_type; facility, line, station, firmware, csr and label:NAME if\n" +
			"you like. Rows that are wrong are listed and the others are imported. With --out, the certificates and keys are written\n" +
			"there as a zip when the job ends; they can be taken once.",
		Prepare: verb(prepareImport),
	}, {
		Name: "device act", Args: "suspend|resume|retire|issue_certificate|revoke_certificates", Summary: "do one thing to many devices, as a job",
		Details: "Choose them by --devices, --group or --query.",
		Prepare: verb(prepareAct),
	}, {
		Name: "job list", Summary: "list the newest jobs",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Jobs.List(ctx, &jobv1.ListRequest{})
			return c.answer(answer, err, func(w io.Writer) { printJobs(w, answer.GetJobs()) })
		}),
	}, {
		Name: "job get", Args: "JOB", Summary: "show how far a job is",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Jobs.Get(ctx, &jobv1.GetRequest{JobId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printJobs(w, []*jobv1.Job{answer.GetJob()}) })
		}),
	}, {
		Name: "job cancel", Args: "JOB", Summary: "end a job; what is done stays done",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Jobs.Cancel(ctx, &jobv1.CancelRequest{JobId: c.args[0]})
			return c.answer(answer, err, func(w io.Writer) { printJobs(w, []*jobv1.Job{answer.GetJob()}) })
		}),
	}, {
		Name: "job errors", Args: "JOB", Summary: "write the items that failed as CSV, or with -o json the first 1000 of them",
		Prepare: plain(func(ctx context.Context, c *call) error {
			if c.json {
				answer, err := c.Jobs.ListErrors(ctx, &jobv1.ListErrorsRequest{JobId: c.args[0], PageSize: 1000})
				return c.answer(answer, err, nil)
			}
			body, err := c.Download(ctx, "/api/v1/jobs/"+url.PathEscape(c.args[0])+"/errors.csv")
			if err != nil {
				return err
			}
			defer func() { _ = body.Close() }()
			_, err = io.Copy(c.env.Out, body)
			return err
		}),
	}, {
		Name: "job credentials", Args: "JOB", Summary: "take the certificates and keys that a job made, once",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			out := fs.String("out", "credentials.zip", "`FILE` for them, for you alone")
			return func(ctx context.Context, c *call) error { return takeCredentials(ctx, c, c.args[0], *out) }
		}),
	}}
}

func prepareImport(fs *flag.FlagSet) func(context.Context, *call) error {
	only := fs.Bool("validate-only", false, "only tell what would be done")
	out := fs.String("out", "", "`FILE` for the credentials; waits for the end of the job")
	wait := fs.Bool("wait", false, "wait for the end of the job")
	return func(ctx context.Context, c *call) error {
		text, err := os.ReadFile(filepath.Clean(c.args[0]))
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		if len(text) > largestImport {
			return command.Usage("%s has %d bytes, at most %d are taken: split it", c.args[0], len(text), largestImport)
		}
		answer, err := c.Bulk.Import(ctx, &devicev1.ImportRequest{Csv: string(text), ValidateOnly: *only})
		if err != nil {
			return rpc.Explain(err)
		}
		if answer.GetJob() != nil && (*wait || *out != "") {
			if answer.Job, err = awaitJob(ctx, c, answer.GetJob().GetJobId()); err != nil {
				return err
			}
		}
		if *out != "" && answer.GetJob().GetCredentialsUntil() != nil {
			if err := takeCredentials(ctx, c, answer.GetJob().GetJobId(), *out); err != nil {
				return err
			}
		}
		return c.answer(answer, nil, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "%d rows, %d of them wrong\n", answer.GetRows(), answer.GetBadRows())
			for _, e := range answer.GetErrors() {
				_, _ = fmt.Fprintf(w, "line %d %s: %s\n", e.GetItem(), e.GetName(), e.GetError())
			}
			if answer.GetJob() != nil {
				printJobs(w, []*jobv1.Job{answer.GetJob()})
			}
		})
	}
}

func prepareAct(fs *flag.FlagSet) func(context.Context, *call) error {
	devices := fs.String("devices", "", "device ids, with commas between")
	group := fs.String("group", "", "every device of this `GROUP`")
	query := fs.String("query", "", "every device that this CEL expression finds")
	wait := fs.Bool("wait", false, "wait for the end of the job")
	return func(ctx context.Context, c *call) error {
		actions := map[string]devicev1.BulkAction{
			"suspend": devicev1.BulkAction_BULK_ACTION_SUSPEND, "resume": devicev1.BulkAction_BULK_ACTION_RESUME, "retire": devicev1.BulkAction_BULK_ACTION_RETIRE,
			"issue_certificate": devicev1.BulkAction_BULK_ACTION_ISSUE_CERTIFICATE, "revoke_certificates": devicev1.BulkAction_BULK_ACTION_REVOKE_CERTIFICATES,
		}
		action, ok := actions[c.args[0]]
		if !ok {
			return command.Usage("device act %s: want suspend, resume, retire, issue_certificate or revoke_certificates", c.args[0])
		}
		answer, err := c.Bulk.Act(ctx, &devicev1.ActRequest{Action: action, DeviceIds: words(*devices), GroupId: *group, Query: *query})
		if err == nil && *wait {
			answer.Job, err = awaitJob(ctx, c, answer.GetJob().GetJobId())
		}
		return c.answer(answer, err, func(w io.Writer) { printJobs(w, []*jobv1.Job{answer.GetJob()}) })
	}
}

// awaitJob returns a job that has ended.
func awaitJob(ctx context.Context, c *call, id string) (*jobv1.Job, error) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := c.Jobs.Get(ctx, &jobv1.GetRequest{JobId: id})
		if err != nil {
			return nil, rpc.Explain(err)
		}
		if answer.GetJob().GetState() != jobv1.JobState_JOB_STATE_RUNNING {
			return answer.GetJob(), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// takeCredentials writes into a file that is made first: what the server gives away it does not give again.
func takeCredentials(ctx context.Context, c *call, id, path string) (err error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the file for the credentials: %w", err)
	}
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	body, err := c.Take(ctx, "/api/v1/jobs/"+url.PathEscape(id)+"/credentials?format=zip")
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(f, body); err != nil {
		return fmt.Errorf("take the credentials: %w: they are still there, try again", err)
	}
	return f.Sync()
}

func printJobs(w io.Writer, jobs []*jobv1.Job) {
	table(w, "JOB TITLE STATE DONE FAILED TOTAL OWNER BEGUN TROUBLE", func(row func(...any)) {
		for _, j := range jobs {
			row(j.GetJobId(), j.GetTitle(), word(j.GetState(), "JOB_STATE_"), j.GetDone(), j.GetFailed(), j.GetTotal(), j.GetOwner(), at(j.GetCreatedAt()), j.GetTrouble())
		}
	})
}
