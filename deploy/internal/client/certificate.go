package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	certificatev1 "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

// inventoryCommands are the verbs on all devices' certificates, and on how devices get them by themselves.
func inventoryCommands() []command.Command {
	return []command.Command{{
		Name: "cert list", Summary: "list certificates, those that end first in front", Prepare: verb(prepareCertList),
	}, {
		Name: "cert overview", Summary: "count certificates, and show where devices enrol", Prepare: plain(certOverview),
	}, {
		Name: "cert revoke", Args: "[SERIAL...]", Summary: "revoke the certificates that all the flags choose",
		Prepare: verb(prepareCertRevoke),
	}, {
		Name: "cert template", Args: "create|list|delete [NAME_OR_ID]", Summary: "describe the devices that claim tokens may make",
		Details: "cert template create NAME --type T --pattern 'press_[0-9]+' --max 100\ncert template delete ID",
		Prepare: verb(prepareTemplate),
	}, {
		Name: "cert claim-token", Args: "create|list|revoke [ID]", Summary: "make secrets with which devices enrol by EST",
		Details: "cert claim-token create --template ID --uses 10 --life 48h\ncert claim-token create --device NAME\ncert claim-token revoke ID",
		Prepare: verb(prepareClaim),
	}, {
		Name: "cert ca", Args: "register|verify|list|revoke [NAME_OR_ID]", Summary: "let devices connect with certificates of your own CA",
		Details: "cert ca register NAME --certificate ca.pem [--template ID] [--identity uri]\ncert ca verify ID --certificate proof.pem\ncert ca revoke ID",
		Prepare: verb(prepareCA),
	}}
}

func prepareCertList(fs *flag.FlagSet) func(context.Context, *call) error {
	status := fs.String("status", "", "active, expiring, superseded, expired or revoked")
	within := fs.Duration("expires-within", 0, "only what ends within this time, e.g. 336h")
	prefix := fs.String("device-prefix", "", "only of devices whose id begins so")
	return func(ctx context.Context, c *call) error {
		req := &certificatev1.ListRequest{PageSize: 1000, DevicePrefix: *prefix}
		if *status != "" {
			value, ok := devicev1.CertificateStatus_value["CERTIFICATE_STATUS_"+strings.ToUpper(*status)]
			if !ok {
				return command.Usage("--status %q: want active, expiring, superseded, expired or revoked", *status)
			}
			req.Status = devicev1.CertificateStatus(value)
		}
		if *within > 0 {
			req.ExpiresBefore = timestamppb.New(c.env.Now().Add(*within))
		}
		all := &certificatev1.ListResponse{}
		for {
			page, err := c.Certificates.List(ctx, req)
			if err != nil {
				return rpc.Explain(err)
			}
			all.Certificates, all.Total = append(all.Certificates, page.GetCertificates()...), page.GetTotal()
			if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
				break
			}
		}
		return c.answer(all, nil, func(w io.Writer) {
			table(w, "DEVICE SERIAL STATUS ORIGIN RENEW_AT NOT_AFTER", func(row func(...any)) {
				for _, e := range all.GetCertificates() {
					cert := e.GetCertificate()
					row(e.GetDeviceId(), cert.GetSerial(), word(cert.GetStatus(), "CERTIFICATE_STATUS_"), word(cert.GetOrigin(), "CERTIFICATE_ORIGIN_"),
						at(cert.GetRenewAt()), at(cert.GetNotAfter()))
				}
			})
		})
	}
}

func certOverview(ctx context.Context, c *call) error {
	o, err := c.Certificates.GetOverview(ctx, &certificatev1.GetOverviewRequest{})
	return c.answer(o, err, func(w io.Writer) {
		table(w, "FIELD VALUE", func(row func(...any)) {
			row("active", o.GetActive())
			row("expiring", o.GetExpiring())
			row("superseded", o.GetSuperseded())
			row("expired", o.GetExpired())
			row("revoked", o.GetRevoked())
			row("life of a new one", time.Duration(o.GetLifeSeconds())*time.Second)
			row("EST", o.GetEstUrl())
			row("revocation list", o.GetCrlUrl())
		})
	})
}

func prepareCertRevoke(fs *flag.FlagSet) func(context.Context, *call) error {
	req := &certificatev1.RevokeRequest{}
	devices := fs.String("devices", "", "device ids, with commas between")
	fs.StringVar(&req.DeviceType, "type", "", "device type")
	fs.StringVar(&req.Facility, "facility", "", "facility")
	fs.StringVar(&req.Line, "line", "", "line")
	fs.StringVar(&req.GroupId, "group", "", "group `ID`")
	fs.BoolVar(&req.SupersededOnly, "superseded", false, "only those that a newer one has taken the place of")
	fs.BoolVar(&req.DryRun, "dry-run", false, "count, and change nothing")
	return func(ctx context.Context, c *call) error {
		req.Serials, req.DeviceIds = c.args, words(*devices)
		done, err := c.Certificates.Revoke(ctx, req)
		verb := "revoked"
		if req.GetDryRun() {
			verb = "would revoke"
		}
		return c.answer(done, err, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "%s %d certificates of %d devices\n", verb, done.GetCertificates(), done.GetDevices())
		})
	}
}

func prepareTemplate(fs *flag.FlagSet) func(context.Context, *call) error {
	req := &certificatev1.CreateTemplateRequest{Location: &devicev1.Location{}}
	fs.StringVar(&req.DeviceType, "type", "", "device type (create)")
	fs.StringVar(&req.IdPattern, "pattern", "", "regular expression that the whole device id must match (create)")
	most := fs.Int("max", 100, "how many devices it may make in all (create)")
	fs.StringVar(&req.Location.Facility, "facility", "", "where they stand (create)")
	fs.StringVar(&req.Location.Line, "line", "", "where they stand (create)")
	fs.StringVar(&req.Location.Station, "station", "", "where they stand (create)")
	labels := fs.String("labels", "", "key=value, with commas between (create)")
	return func(ctx context.Context, c *call) error {
		switch {
		case c.args[0] == "create" && len(c.args) == 2:
			req.Name, req.MaxDevices = c.args[1], int32(min(*most, 1<<30)) //nolint:gosec // bounded
			for _, pair := range words(*labels) {
				key, value, ok := strings.Cut(pair, "=")
				if !ok {
					return command.Usage("--labels %q: want key=value", pair)
				}
				if req.Labels == nil {
					req.Labels = map[string]string{}
				}
				req.Labels[key] = value
			}
			made, err := c.Certificates.CreateTemplate(ctx, req)
			return c.answer(made, err, func(w io.Writer) { printTemplates(w, made.GetTemplate()) })
		case c.args[0] == "list" && len(c.args) == 1:
			list, err := c.Certificates.ListTemplates(ctx, &certificatev1.ListTemplatesRequest{})
			return c.answer(list, err, func(w io.Writer) { printTemplates(w, list.GetTemplates()...) })
		case c.args[0] == "delete" && len(c.args) == 2:
			done, err := c.Certificates.DeleteTemplate(ctx, &certificatev1.DeleteTemplateRequest{TemplateId: c.args[1]})
			return c.answer(done, err, func(w io.Writer) { _, _ = fmt.Fprintln(w, "deleted") })
		}
		return command.Usage("cert template: want `create NAME`, `list` or `delete ID`")
	}
}

func printTemplates(w io.Writer, templates ...*certificatev1.Template) {
	table(w, "TEMPLATE NAME TYPE PATTERN DEVICES MAX FACILITY", func(row func(...any)) {
		for _, t := range templates {
			row(t.GetTemplateId(), t.GetName(), t.GetDeviceType(), t.GetIdPattern(), t.GetDevices(), t.GetMaxDevices(), t.GetLocation().GetFacility())
		}
	})
}

func prepareClaim(fs *flag.FlagSet) func(context.Context, *call) error {
	req := &certificatev1.CreateClaimTokenRequest{}
	fs.StringVar(&req.TemplateId, "template", "", "template `ID` of new devices (create)")
	fs.StringVar(&req.DeviceId, "device", "", "one device that exists (create)")
	uses := fs.Int("uses", 1, "how often it may be used (create)")
	life := fs.Duration("life", 24*time.Hour, "how long it may be used (create)")
	return func(ctx context.Context, c *call) error {
		switch {
		case c.args[0] == "create" && len(c.args) == 1:
			req.MaxUses, req.LifeSeconds = int32(min(*uses, 1<<30)), int64(*life/time.Second) //nolint:gosec // bounded
			made, err := c.Certificates.CreateClaimToken(ctx, req)
			return c.answer(made, err, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "%s\nshown this once; good for %d uses until %s at %s\n", made.GetSecret(), made.GetClaimToken().GetMaxUses(), at(made.GetClaimToken().GetExpiresAt()), made.GetEstUrl())
			})
		case c.args[0] == "list" && len(c.args) == 1:
			list, err := c.Certificates.ListClaimTokens(ctx, &certificatev1.ListClaimTokensRequest{})
			return c.answer(list, err, func(w io.Writer) {
				table(w, "TOKEN PREFIX STATUS USES MAX TEMPLATE DEVICE EXPIRES", func(row func(...any)) {
					for _, t := range list.GetClaimTokens() {
						row(t.GetClaimTokenId(), t.GetPrefix(), word(t.GetStatus(), "CLAIM_TOKEN_STATUS_"), t.GetUses(), t.GetMaxUses(), t.GetTemplateId(), t.GetDeviceId(), at(t.GetExpiresAt()))
					}
				})
			})
		case c.args[0] == "revoke" && len(c.args) == 2:
			done, err := c.Certificates.RevokeClaimToken(ctx, &certificatev1.RevokeClaimTokenRequest{ClaimTokenId: c.args[1]})
			return c.answer(done, err, func(w io.Writer) { _, _ = fmt.Fprintln(w, "revoked") })
		}
		return command.Usage("cert claim-token: want `create`, `list` or `revoke ID`")
	}
}

func prepareCA(fs *flag.FlagSet) func(context.Context, *call) error {
	file := fs.String("certificate", "", "PEM `FILE`: the CA (register), or a certificate that it issued for the verification code (verify)")
	template := fs.String("template", "", "template `ID` of devices that are made when they first connect (register)")
	identity := fs.String("identity", "common-name", "where the device id is: common-name or uri (register)")
	return func(ctx context.Context, c *call) error {
		text := ""
		if *file != "" {
			body, err := os.ReadFile(filepath.Clean(*file))
			if err != nil {
				return fmt.Errorf("read the certificate: %w", err)
			}
			text = string(body[:min(len(body), largestCSR)])
		}
		switch {
		case c.args[0] == "register" && len(c.args) == 2 && text != "":
			req := &certificatev1.RegisterAuthorityRequest{Name: c.args[1], CertificatePem: text, TemplateId: *template}
			if *identity == "uri" {
				req.Identity = certificatev1.IdentitySource_IDENTITY_SOURCE_URI
			}
			made, err := c.Certificates.RegisterAuthority(ctx, req)
			return c.answer(made, err, func(w io.Writer) {
				printAuthorities(w, made.GetAuthority())
				_, _ = fmt.Fprintf(w, "\nnow issue a certificate with the common name %s and run: millwright cert ca verify %s --certificate FILE\n", made.GetAuthority().GetVerificationCode(), made.GetAuthority().GetAuthorityId())
			})
		case c.args[0] == "verify" && len(c.args) == 2 && text != "":
			done, err := c.Certificates.VerifyAuthority(ctx, &certificatev1.VerifyAuthorityRequest{AuthorityId: c.args[1], CertificatePem: text})
			return c.answer(done, err, func(w io.Writer) { printAuthorities(w, done.GetAuthority()) })
		case c.args[0] == "list" && len(c.args) == 1:
			list, err := c.Certificates.ListAuthorities(ctx, &certificatev1.ListAuthoritiesRequest{})
			return c.answer(list, err, func(w io.Writer) { printAuthorities(w, list.GetAuthorities()...) })
		case c.args[0] == "revoke" && len(c.args) == 2:
			done, err := c.Certificates.RevokeAuthority(ctx, &certificatev1.RevokeAuthorityRequest{AuthorityId: c.args[1]})
			return c.answer(done, err, func(w io.Writer) { printAuthorities(w, done.GetAuthority()) })
		}
		return command.Usage("cert ca: want `register NAME --certificate FILE`, `verify ID --certificate FILE`, `list` or `revoke ID`")
	}
}

func printAuthorities(w io.Writer, authorities ...*certificatev1.Authority) {
	table(w, "AUTHORITY NAME STATUS SUBJECT NOT_AFTER TEMPLATE", func(row func(...any)) {
		for _, a := range authorities {
			row(a.GetAuthorityId(), a.GetName(), word(a.GetStatus(), "AUTHORITY_STATUS_"), a.GetSubject(), at(a.GetNotAfter()), a.GetTemplateId())
		}
	})
}
