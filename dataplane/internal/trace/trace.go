// Package trace follows a few messages from the device's publish to the row's insert, as OpenTelemetry traces. It is the only
// home of OpenTelemetry. The gateway begins a trace, the log carries its context in a header that only the gateway sets, the
// composition root goes on with it; the engine knows nothing of it. Without an exporter there is no Tracer, and a nil Tracer
// and a nil Span do nothing and cost nothing.
package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	"github.com/millwright-io/millwright/tenancy"
)

// closeWithin bounds what a stop waits for the last spans.
const closeWithin = 3 * time.Second

// Tracer begins traces. It is safe for concurrent use.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   api.Tracer
	sampler  *sampler
}

// Open returns a tracer as the standard OTEL_ variables of the environment say, nil when they name no endpoint.
func Open(ctx context.Context, cell, version string, log *slog.Logger) (*Tracer, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" ||
		os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil //nolint:nilnil // a nil tracer is one that does nothing
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := os.Getenv(name); protocol != "" && protocol != "http/protobuf" {
			return nil, fmt.Errorf("%s %q: traces are sent by http/protobuf only", name, protocol)
		}
	}
	sampler, err := newSampler(os.Getenv)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the exporter of traces: %w", err)
	}
	described, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "millwright-cell"), attribute.String("service.version", version), attribute.String("millwright.cell", cell),
	), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("describe this process to traces: %w", err), exporter.Shutdown(ctx))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces not sent", slog.Any("error", err)) }))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(described), sdk.WithSampler(sdk.AlwaysSample()))
	return &Tracer{provider: provider, tracer: provider.Tracer("millwright/dataplane"), sampler: sampler}, nil
}

// Close sends what is left.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// Span is one stage of a message that is followed; a nil one is of a message that is not.
type Span struct {
	tracer *Tracer
	span   api.Span
}

// Message begins the trace of a message, or returns nil when it is not to be followed. traceparent is what the device sent of
// its own trace, in the form of W3C Trace Context, or empty; it is honoured within the sampling's limits.
func (t *Tracer) Message(tenant tenancy.ID, device, protocol, traceparent string, at time.Time) *Span {
	if t == nil {
		return nil
	}
	parent, wanted := Context{}, false
	if traceparent != "" && t.sampler.askable {
		parent, wanted = asked(traceparent)
	}
	if !t.sampler.take(tenant, wanted, at) {
		return nil
	}
	return t.begin(parent, "telemetry", at, api.WithSpanKind(api.SpanKindServer), api.WithAttributes(
		attribute.String("millwright.tenant", string(tenant)), attribute.String("millwright.device", device), attribute.String("millwright.protocol", protocol)))
}

// Header is what a device's traceparent is looked for in, of an HTTP request; empty without a tracer.
func (t *Tracer) Header(h http.Header) string {
	if t == nil {
		return ""
	}
	return h.Get("Traceparent")
}

// Begin begins a stage of a trace that came with a context.
func (t *Tracer) Begin(parent Context, name string, at time.Time) *Span {
	if t == nil || !parent.Valid() {
		return nil
	}
	return t.begin(parent, name, at)
}

func (t *Tracer) begin(parent Context, name string, at time.Time, options ...api.SpanStartOption) *Span {
	ctx := context.Background()
	if parent.Valid() {
		ctx = api.ContextWithRemoteSpanContext(ctx, api.NewSpanContext(api.SpanContextConfig{
			TraceID: parent.trace, SpanID: parent.span, TraceFlags: api.FlagsSampled, Remote: true,
		}))
	}
	_, span := t.tracer.Start(ctx, name, append(options, api.WithTimestamp(at))...)
	return &Span{tracer: t, span: span}
}

// Begin begins a stage within this one.
func (s *Span) Begin(name string, at time.Time) *Span {
	if s == nil {
		return nil
	}
	return s.tracer.begin(s.Context(), name, at)
}

// Stage notes a stage within this one that is over.
func (s *Span) Stage(name string, from, to time.Time) {
	if s != nil {
		s.Begin(name, from).End(to, nil)
	}
}

// Context is the span's place.
func (s *Span) Context() Context {
	if s == nil {
		return Context{}
	}
	c := s.span.SpanContext()
	return Context{trace: c.TraceID(), span: c.SpanID()}
}

// Note adds a number to what is told of the stage.
func (s *Span) Note(name string, n int64) {
	if s != nil {
		s.span.SetAttributes(attribute.Int64("millwright."+name, n))
	}
}

// Say adds a word.
func (s *Span) Say(name, word string) {
	if s != nil {
		s.span.SetAttributes(attribute.String("millwright."+name, word))
	}
}

// End ends the stage; calling it again does nothing.
func (s *Span) End(at time.Time, err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End(api.WithTimestamp(at))
}
