package warehouse

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// decodeBody undoes the request's Content-Encoding and, when asked, ClickHouse's own compressed frames. The result
// gives at most limit bytes and then an exception.
func decodeBody(r *http.Request, frames bool, limit int64) (io.Reader, error) {
	var body io.Reader = r.Body
	var err error
	switch coding := strings.ToLower(r.Header.Get("Content-Encoding")); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "br":
		body = brotli.NewReader(body)
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20)); err == nil {
			body = d.IOReadCloser()
		}
	case "lz4":
		body = lz4.NewReader(body)
	default:
		return nil, exception(codeUnknownCompression, "UNKNOWN_COMPRESSION_METHOD", "Content-Encoding %q is unknown; use gzip, deflate, br, zstd or lz4", coding)
	}
	if err != nil {
		return nil, exception(codeCannotDecompress, "CANNOT_DECOMPRESS", "The body is not in the encoding that its Content-Encoding names: %s", err)
	}
	if frames {
		body = frameReader{compress.NewReader(body)}
	}
	return &limitedBody{body: body, left: limit, limit: limit}, nil
}

// frameReader turns the end of the body between two frames into io.EOF.
type frameReader struct{ frames *compress.Reader }

func (f frameReader) Read(p []byte) (int, error) {
	n, err := f.frames.Read(p)
	if err != nil && errors.Is(err, io.EOF) {
		err = io.EOF
	}
	return n, err
}

type limitedBody struct {
	body        io.Reader
	left, limit int64
}

func (l *limitedBody) Read(p []byte) (int, error) {
	if l.left <= 0 {
		var one [1]byte
		if n, err := io.ReadFull(l.body, one[:]); n == 0 && errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		return 0, exception(codeTooManyBytes, "TOO_MANY_BYTES", "The body is longer than %d bytes; send the rows in several INSERTs", l.limit)
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.body.Read(p)
	l.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = exception(codeCannotDecompress, "CANNOT_DECOMPRESS", "The body broke off or is not in its encoding: %s", err)
	}
	return n, err
}

// chooseCoding picks the result's Content-Encoding from what the client accepts, in the real server's order.
func chooseCoding(accept string) string {
	accepted := strings.ToLower(accept)
	for _, coding := range []string{"br", "lz4", "zstd", "gzip", "deflate"} {
		for part := range strings.SplitSeq(accepted, ",") {
			name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
			if strings.TrimSpace(name) == coding && strings.ReplaceAll(q, " ", "") != "q=0" {
				return coding
			}
		}
	}
	return ""
}

// encoder compresses the result's bytes. Close ends the stream; it does not close what is below.
func encoder(coding string, to io.Writer) (io.WriteCloser, error) {
	switch coding {
	case "br":
		return brotli.NewWriterLevel(to, 1), nil
	case "lz4":
		return lz4.NewWriter(to), nil
	case "zstd":
		return zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	case "gzip":
		return gzip.NewWriterLevel(to, gzip.BestSpeed)
	case "deflate":
		return zlib.NewWriterLevel(to, zlib.BestSpeed)
	}
	return plain{to}, nil
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// frameWriter writes ClickHouse's own compressed frames, one megabyte of data each at most.
type frameWriter struct {
	to     io.Writer
	frames *compress.Writer
}

func newFrameWriter(method string, to io.Writer) (*frameWriter, error) {
	methods := map[string]compress.Method{"LZ4": compress.LZ4, "LZ4HC": compress.LZ4HC, "ZSTD": compress.ZSTD, "NONE": compress.None}
	m, ok := methods[strings.ToUpper(method)]
	if !ok {
		return nil, exception(codeUnknownCompression, "UNKNOWN_COMPRESSION_METHOD", "network_compression_method %q is unknown; use LZ4, LZ4HC, ZSTD or NONE", method)
	}
	return &frameWriter{to: to, frames: compress.NewWriter(compress.LevelZero, m)}, nil
}

func (f *frameWriter) Write(p []byte) (int, error) {
	const most = 1 << 20
	for done := 0; done < len(p); {
		piece := p[done:min(done+most, len(p))]
		if err := f.frames.Compress(piece); err != nil {
			return done, err
		}
		if _, err := f.to.Write(f.frames.Data); err != nil {
			return done, err
		}
		done += len(piece)
	}
	return len(p), nil
}

// patientBody gives a client a minute for each piece of its body, however long the whole takes.
type patientBody struct {
	body    io.ReadCloser
	control *http.ResponseController
	now     func() time.Time
}

const pieceTimeout = time.Minute

func (p patientBody) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(p.now().Add(pieceTimeout))
	n, err := p.body.Read(b)
	_ = p.control.SetReadDeadline(time.Time{}) // the server listens for the client's going away without a limit
	return n, err
}

func (p patientBody) Close() error { return p.body.Close() }
