package verify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// maxEntry bounds a line of the export.
const maxEntry = 8 << 20

func auditCommand() command.Command {
	return command.Command{
		Name: "verify audit", Summary: "check that no entry of the audit log was changed, left out or put in",
		Details: "Every entry's hash is computed again from the entry and the one before. What the log looked like earlier is only known to " +
			"who noted it: keep the printed number and hash elsewhere, and name them by --number and --hash the next time.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			options := rpc.Flags(fs)
			file := fs.String("file", "", "`FILE` with an export, read instead of the server; needs --tenant")
			tenant := fs.String("tenant", "", "`id` of the tenant of the file")
			known := noted(fs)
			return func(ctx context.Context, e command.Env, _ []string) error {
				if known.half() || (*file == "") != (*tenant == "") {
					return command.Usage("want --number with --hash, and --file with --tenant")
				}
				in, id, err := openAudit(ctx, e, options, *file, *tenant)
				if err != nil {
					return err
				}
				defer func() { _ = in.Close() }()
				return Audit(in, id, known.number, known.hash, e.Out)
			}
		},
	}
}

// platform stands in place of a tenant's id in the hashes of the platform's own log.
const platform = "platform"

func platformAuditCommand() command.Command {
	return command.Command{
		Name: "verify platform-audit", Summary: "check that no entry of the platform's audit log was changed, left out or put in; for operators of the installation",
		Details: "As verify audit does it for a tenant's log.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			person := rpc.PersonFlags(fs)
			file := fs.String("file", "", "`FILE` with an export, read instead of the server")
			known := noted(fs)
			return func(ctx context.Context, e command.Env, _ []string) error {
				if known.half() {
					return command.Usage("want --number with --hash")
				}
				in, err := openPlatformAudit(ctx, e, *person, *file)
				if err != nil {
					return err
				}
				defer func() { _ = in.Close() }()
				return Audit(in, platform, known.number, known.hash, e.Out)
			}
		},
	}
}

func openPlatformAudit(ctx context.Context, e command.Env, person rpc.Person, file string) (io.ReadCloser, error) {
	if file != "" {
		return openFile(file)
	}
	api, err := rpc.DialPerson(ctx, person, e)
	if err != nil {
		return nil, err
	}
	return api.Download(ctx, "/api/v1/platform/audit/export")
}

// noted defines the flags of an entry that was noted earlier.
func noted(fs *flag.FlagSet) *head {
	h := &head{}
	fs.Int64Var(&h.number, "number", 0, "`number` of an entry whose hash was noted")
	fs.StringVar(&h.hash, "hash", "", "the noted hash, in hexadecimal")
	return h
}

// half reports whether one of number and hash is missing.
func (h head) half() bool { return (h.number == 0) != (h.hash == "") }

type head struct {
	number int64
	hash   string
}

func openAudit(ctx context.Context, e command.Env, options *rpc.Options, file, tenant string) (io.ReadCloser, string, error) {
	if file != "" {
		in, err := openFile(file)
		return in, tenant, err
	}
	api, err := options.Dial(e)
	if err != nil {
		return nil, "", err
	}
	answer, err := api.Tenants.Get(ctx, &tenantv1.GetRequest{})
	if err != nil {
		return nil, "", rpc.Explain(err)
	}
	in, err := api.Download(ctx, "/api/v1/audit/export")
	return in, answer.GetTenant().GetTenantId(), err
}

func openFile(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the export: %w", err)
	}
	return f, nil
}

// Audit reads an export of a tenant's audit log, or the platform's, and prints one line: how many entries there are and the last one's hash,
// or the first that does not follow from the one before; then it returns a Reported error. The entry numbered number,
// unless that is 0, must have that hash.
func Audit(in io.Reader, tenant string, number int64, hash string, out io.Writer) error {
	last := make([]byte, sha256.Size)
	count := int64(0)
	wrong := func(format string, args ...any) error {
		_, _ = fmt.Fprintf(out, format+"\n", args...)
		return command.Reported()
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxEntry)
	for lines.Scan() {
		var e auditv1.Entry
		if err := protojson.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("line %d is no audit entry: %w", count+1, err)
		}
		count++
		if e.GetNumber() != count {
			return wrong("entry %d stands where entry %d should: something was left out, put in or moved", e.GetNumber(), count)
		}
		last = AuditHash(tenant, last, &e)
		if !bytes.Equal(last, e.GetHash()) {
			return wrong("entry %d has the hash %x, its content and the entry before give %x: one of them was changed", count, e.GetHash(), last)
		}
		if count == number && fmt.Sprintf("%x", last) != hash {
			return wrong("entry %d has the hash %x, not the noted %s: the log was written anew", count, last, hash)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the export after entry %d: %w", count, err)
	}
	if number > count {
		return wrong("the log ends with entry %d, entry %d was noted: the end was cut off", count, number)
	}
	_, _ = fmt.Fprintf(out, "entries %d, broken 0, last hash %x\n", count, last)
	return nil
}

// AuditHash computes an entry's hash as millwright.audit.v1.Entry describes it.
func AuditHash(tenant string, before []byte, e *auditv1.Entry) []byte {
	text := append([]byte(nil), before...)
	for _, field := range []string{
		tenant, strconv.FormatInt(e.GetNumber(), 10), e.GetOccurredAt().AsTime().UTC().Format("2006-01-02T15:04:05.000000Z"), e.GetActor(),
		e.GetAction(), e.GetObject(), e.GetOutcome(), e.GetBeforeJson(), e.GetAfterJson(), e.GetRemoteAddress(), e.GetRequestId(),
	} {
		text = binary.BigEndian.AppendUint32(text, uint32(len(field))) //nolint:gosec // a line is bounded
		text = append(text, field...)
	}
	sum := sha256.Sum256(text)
	return sum[:]
}
