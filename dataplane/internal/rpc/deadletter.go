package rpc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/deadletter"
	deadletterv1 "github.com/millwright-io/millwright/proto/gen/millwright/deadletter/v1"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	defaultLetters  = 100
	defaultGroups   = 100
	defaultPreviews = 10
	defaultReplays  = 100
	defaultDiscards = 1000
	// eventsShown is how many events an outcome lists, payloadShown how much of its payload.
	eventsShown  = 20
	payloadShown = 4096
)

type deadLetterService struct{ deps Deps }

func orDefault(n int32, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return int(n)
}

// ListGroups implements DeadLetterService.
func (s *deadLetterService) ListGroups(ctx context.Context, req *deadletterv1.ListGroupsRequest) (*deadletterv1.ListGroupsResponse, error) {
	p, f, some, err := s.filter(ctx, req.GetFilter())
	if err != nil {
		return nil, err
	}
	if !some {
		return &deadletterv1.ListGroupsResponse{}, nil
	}
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	g, err := s.deps.Letters.Groups(ctx, p.Tenant, f, orDefault(req.GetLimit(), defaultGroups))
	if err != nil {
		return nil, err
	}
	out := &deadletterv1.ListGroupsResponse{
		Truncated: g.Truncated, Start: timestamppb.New(g.Start), End: timestamppb.New(g.End),
		Kept: &deadletterv1.Kept{
			Letters: g.Letters, Bytes: g.Bytes, MaximumLetters: g.Limits.Letters, MaximumBytes: g.Limits.Bytes,
			Days: int32(g.Limits.Age / (24 * time.Hour)), //nolint:gosec // some months
		},
	}
	for _, group := range g.Groups {
		out.Groups = append(out.Groups, &deadletterv1.Group{
			Reason: group.Reason, Stage: stageToProto(group.Stage), DeviceId: group.Device, Count: group.Count, Detail: group.Detail,
			FirstReceivedAt: timestamppb.New(group.First), LastReceivedAt: timestamppb.New(group.Last), Sparkline: group.Sparkline,
		})
	}
	return out, nil
}

// List implements DeadLetterService.
func (s *deadLetterService) List(ctx context.Context, req *deadletterv1.ListRequest) (*deadletterv1.ListResponse, error) {
	p, f, some, err := s.filter(ctx, req.GetFilter())
	if err != nil {
		return nil, err
	}
	out := &deadletterv1.ListResponse{}
	if !some {
		return out, nil
	}
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	letters, next, err := s.deps.Letters.List(ctx, p.Tenant, f, orDefault(req.GetPageSize(), defaultLetters), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	for i := range letters {
		out.DeadLetters = append(out.DeadLetters, letterToProto(&letters[i]))
	}
	out.NextPageToken = next
	return out, nil
}

// Get implements DeadLetterService.
func (s *deadLetterService) Get(ctx context.Context, req *deadletterv1.GetRequest) (*deadletterv1.GetResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	id, err := deadletter.ParseID(req.GetId())
	if err != nil {
		return nil, err
	}
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	letter, outcome, err := s.deps.Letters.Get(ctx, p.Tenant, id, s.sees(p))
	if err != nil {
		return nil, err
	}
	return &deadletterv1.GetResponse{DeadLetter: letterToProto(&letter), Outcome: outcomeToProto(&outcome, "")}, nil
}

// Preview implements DeadLetterService.
func (s *deadLetterService) Preview(ctx context.Context, req *deadletterv1.PreviewRequest) (*deadletterv1.PreviewResponse, error) {
	p, w, some, err := s.work(ctx, req.GetSelection(), req.GetEdit())
	if err != nil || !some {
		return &deadletterv1.PreviewResponse{}, err
	}
	w.Limit = orDefault(req.GetLimit(), defaultPreviews)
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	outcomes, selected, err := s.deps.Letters.Preview(ctx, p.Tenant, w)
	if err != nil {
		return nil, err
	}
	out := &deadletterv1.PreviewResponse{Selected: selected}
	for i := range outcomes {
		out.Outcomes = append(out.Outcomes, outcomeToProto(&outcomes[i], ""))
	}
	return out, nil
}

// Replay implements DeadLetterService.
func (s *deadLetterService) Replay(ctx context.Context, req *deadletterv1.ReplayRequest) (*deadletterv1.ReplayResponse, error) {
	p, w, some, err := s.work(ctx, req.GetSelection(), req.GetEdit())
	if err != nil || !some {
		return &deadletterv1.ReplayResponse{}, err
	}
	w.Limit, w.Token = orDefault(req.GetLimit(), defaultReplays), req.GetPageToken()
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	done, err := s.deps.Letters.Replay(ctx, p.Tenant, w)
	if err != nil {
		return nil, err
	}
	out := &deadletterv1.ReplayResponse{
		Replayed: uint32(done.Replayed), AlreadyReplayed: uint32(done.Already), Refused: uint32(done.Refused), Events: uint32(done.Events), //nolint:gosec // bounded by the limit
		NextPageToken: done.Next,
	}
	for i := range done.Refusals {
		out.Refusals = append(out.Refusals, outcomeToProto(&done.Refusals[i], "refused"))
	}
	return out, nil
}

// Discard implements DeadLetterService.
func (s *deadLetterService) Discard(ctx context.Context, req *deadletterv1.DiscardRequest) (*deadletterv1.DiscardResponse, error) {
	p, w, some, err := s.work(ctx, req.GetSelection(), nil)
	if err != nil || !some {
		return &deadletterv1.DiscardResponse{}, err
	}
	w.Limit, w.Token = orDefault(req.GetLimit(), defaultDiscards), req.GetPageToken()
	release, err := s.deps.query(p.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	n, next, err := s.deps.Letters.Discard(ctx, p.Tenant, w, req.GetReason())
	if err != nil {
		return nil, err
	}
	return &deadletterv1.DiscardResponse{Discarded: uint32(n), NextPageToken: next}, nil //nolint:gosec // bounded by the limit
}

// sees says which devices' letters the caller may see. Those of devices that are gone belong to the whole tenant.
func (s *deadLetterService) sees(p tenancy.Principal) func(string) bool {
	if len(p.Facilities) == 0 {
		return func(string) bool { return true }
	}
	return func(device string) bool {
		d, ok := s.deps.Catalog.Device(p.Tenant, device)
		return ok && p.Sees(d.Facility)
	}
}

// filter reads a filter and narrows it to what the caller may see. Without any device left, some is false.
func (s *deadLetterService) filter(ctx context.Context, f *deadletterv1.Filter) (p tenancy.Principal, out deadletter.Filter, some bool, err error) {
	if p, err = tenancy.TenantFrom(ctx); err != nil {
		return p, out, false, err
	}
	out = deadletter.Filter{
		Reason: f.GetReason(), Stage: map[deadletterv1.Stage]deadletter.Stage{
			deadletterv1.Stage_STAGE_GATEWAY: deadletter.Gateway, deadletterv1.Stage_STAGE_ENGINE: deadletter.Engine,
		}[f.GetStage()],
		State: map[deadletterv1.State]deadletter.State{
			deadletterv1.State_STATE_OPEN: deadletter.Open, deadletterv1.State_STATE_REPLAYED: deadletter.Replayed,
			deadletterv1.State_STATE_DISCARDED: deadletter.Discarded,
		}[f.GetState()],
	}
	for _, bound := range []struct {
		into *time.Time
		from *timestamppb.Timestamp
		name string
	}{{&out.Start, f.GetStart(), "start"}, {&out.End, f.GetEnd(), "end"}} {
		if bound.from == nil {
			continue
		}
		*bound.into = bound.from.AsTime()
		if y := bound.into.Year(); y < 1971 || y > 2100 {
			return p, out, false, fmt.Errorf("filter.%s %s: want years 1971 to 2100: %w", bound.name, bound.into.Format(time.RFC3339), tenancy.ErrInvalid)
		}
	}
	if !out.Start.IsZero() && !out.End.IsZero() && !out.Start.Before(out.End) {
		return p, out, false, fmt.Errorf("filter.start is not before filter.end: %w", tenancy.ErrInvalid)
	}
	out.Devices, some = s.deps.within(p, f.GetDeviceIds())
	return p, out, some, nil
}

// work reads a selection and an edit.
func (s *deadLetterService) work(ctx context.Context, sel *deadletterv1.Selection, e *deadletterv1.Edit) (tenancy.Principal, deadletter.Work, bool, error) {
	p, f, some, err := s.filter(ctx, sel.GetFilter())
	if err != nil {
		return p, deadletter.Work{}, false, err
	}
	w := deadletter.Work{Selection: deadletter.Selection{Filter: f, Sees: s.sees(p)}, Edit: editFromProto(e), Actor: p.Actor}
	for _, text := range sel.GetIds() {
		id, err := deadletter.ParseID(text)
		if err != nil {
			return p, w, false, err
		}
		if !slices.Contains(w.Selection.IDs, id) {
			w.Selection.IDs = append(w.Selection.IDs, id)
		}
	}
	return p, w, some || len(w.Selection.IDs) > 0, nil
}

func editFromProto(e *deadletterv1.Edit) deadletter.Edit {
	out := deadletter.Edit{Drops: e.GetDrops()}
	if e != nil && e.Payload != nil {
		out.Payload = e.Payload
	}
	for _, r := range e.GetRenames() {
		out.Renames = append(out.Renames, deadletter.Rename{From: r.GetFrom(), To: r.GetTo()})
	}
	for _, c := range e.GetScales() {
		out.Scales = append(out.Scales, deadletter.Scale{Field: c.GetField(), Factor: c.GetFactor()})
	}
	if t := e.GetTimestamp(); t != nil {
		format, _ := strings.CutPrefix(t.GetFormat().String(), "TIMESTAMP_FORMAT_")
		if t.GetFormat() == deadletterv1.TimestampFormat_TIMESTAMP_FORMAT_UNSPECIFIED {
			format = ""
		}
		out.Timestamp = &deadletter.TimestampEdit{
			Field: t.GetField(), Format: deadletter.Format(strings.ToLower(format)), Zone: t.GetZone(), Shift: time.Duration(t.GetShiftSeconds()) * time.Second,
		}
	}
	return out
}

func stageToProto(s deadletter.Stage) deadletterv1.Stage {
	if s == deadletter.Engine {
		return deadletterv1.Stage_STAGE_ENGINE
	}
	return deadletterv1.Stage_STAGE_GATEWAY
}

func letterToProto(l *deadletter.Letter) *deadletterv1.DeadLetter {
	out := &deadletterv1.DeadLetter{
		Id: l.ID.String(), DeviceId: l.Device, Stage: stageToProto(l.ID.Stage), ReceivedAt: timestamppb.New(l.Received),
		Reason: l.Reason, Detail: l.Detail, Payload: l.Payload, PayloadBytes: l.Size, Protocol: l.Protocol,
		State: map[deadletter.State]deadletterv1.State{
			deadletter.Open: deadletterv1.State_STATE_OPEN, deadletter.Replayed: deadletterv1.State_STATE_REPLAYED,
			deadletter.Discarded: deadletterv1.State_STATE_DISCARDED,
		}[l.State],
		ChangedBy: l.ChangedBy, Note: l.Note, Refusals: l.Refusals,
	}
	if !l.ChangedAt.IsZero() {
		out.ChangedAt = timestamppb.New(l.ChangedAt)
	}
	if l.FirstReason != l.Reason {
		out.FirstReason = l.FirstReason
	}
	return out
}

func outcomeToProto(o *deadletter.Outcome, result string) *deadletterv1.Outcome {
	out := &deadletterv1.Outcome{
		Id: o.ID.String(), DeviceId: o.Device, EventCount: uint32(len(o.Events)), Reason: o.Reason, Detail: o.Detail, //nolint:gosec // bounded by a payload
		ErrorOffset: uint32(o.Offset), ErrorLength: uint32(o.Length), Payload: o.Payload[:min(len(o.Payload), payloadShown)], Result: result, //nolint:gosec // bounded by a payload
	}
	for i := range o.Events[:min(len(o.Events), eventsShown)] {
		e := &o.Events[i]
		event := &deadletterv1.Event{Time: timestamppb.New(time.Unix(0, e.Time)), Values: make(map[string]float64, len(e.Names)), MessageId: e.MessageID}
		for j, name := range e.Names {
			event.Values[name] = e.Values[j]
		}
		if e.HasSequence {
			event.MessageId = fmt.Sprintf("%s/%d", e.Epoch, e.Sequence)
		}
		out.Events = append(out.Events, event)
	}
	return out
}
