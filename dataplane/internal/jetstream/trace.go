package jetstream

import (
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millwright-io/millwright/dataplane/internal/trace"
)

// traceHeader carries the places of a frame's messages in their traces, `index:trace-span` with commas between. Only the
// gateway writes to the log, so nobody else can set it.
const traceHeader = "Millwright-Trace"

// mostFollowed bounds the messages of a frame that are followed.
const mostFollowed = 16

// followedMessage is a message in a batch that is followed: at is when it came, publish the stage that it is in.
type followedMessage struct {
	index   int
	at      time.Time
	message *trace.Span
	publish *trace.Span
}

func (b *batch) follow(message *trace.Span, at time.Time) {
	if len(b.followed) < mostFollowed {
		b.followed = append(b.followed, followedMessage{index: b.frame.Len(), at: at, message: message})
	}
}

// publishing ends the wait for the frame's closing and begins the publication of the messages that are followed; it returns
// what the log is told of them, nil for most frames.
func (b *batch) publishing(at time.Time) nats.Header {
	if len(b.followed) == 0 {
		return nil
	}
	var text strings.Builder
	for i := range b.followed {
		f := &b.followed[i]
		f.message.Stage("frame", f.at, at)
		f.publish = f.message.Begin("publish", at)
		f.publish.Note("frame_events", int64(b.frame.Len()))
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(strconv.Itoa(f.index) + ":" + f.publish.Context().String())
	}
	return nats.Header{traceHeader: {text.String()}}
}

func (b *batch) published(now func() time.Time, err error) {
	for _, f := range b.followed {
		f.publish.End(now(), err)
	}
}

// Followed is an event of a message of the log that is followed, by its place in the frame.
type Followed struct {
	Index   int
	Context trace.Context
}

// parseFollowed reads the header; what cannot be read is left out.
func parseFollowed(header string) []Followed {
	if header == "" {
		return nil
	}
	var list []Followed
	for _, entry := range strings.SplitN(header, ",", mostFollowed+1) {
		index, text, _ := strings.Cut(entry, ":")
		n, err := strconv.Atoi(index)
		if c, ok := trace.ParseContext(text); ok && err == nil && n >= 0 {
			list = append(list, Followed{Index: n, Context: c})
		}
	}
	return list
}
