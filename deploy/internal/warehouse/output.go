package warehouse

import (
	"io"

	"github.com/millwright-io/millwright/deploy/internal/chdb"
)

// output is the way of a result to the client: ClickHouse's frames if asked for, then HTTP's coding.
type output struct {
	io.Writer
	coding io.WriteCloser
}

// output begins the response and returns where its result goes.
func (a *answer) output(format string, stats chdb.Stats) (*output, error) {
	coding, err := encoder(a.request.contentCoding, a.w)
	if err != nil {
		return nil, err
	}
	out := &output{Writer: coding, coding: coding}
	if a.request.compress {
		frames, err := newFrameWriter(a.request.method, coding)
		if err != nil {
			return nil, err
		}
		out.Writer = frames
	}
	a.begin(format, stats)
	return out, nil
}

// finishFormat answers a statement whose result is empty.
func (a *answer) finishFormat(format string, stats chdb.Stats) error {
	a.w.Header().Set("Content-Type", contentType(format))
	a.w.Header().Set("X-ClickHouse-Format", format)
	return a.finish(stats)
}

// settle ends the coding, so that what comes next stands in plain bytes after it.
func (o *output) settle() { _ = o.coding.Close() }

// Close ends the result.
func (o *output) Close() error {
	if err := o.coding.Close(); err != nil {
		return errGone
	}
	return nil
}
