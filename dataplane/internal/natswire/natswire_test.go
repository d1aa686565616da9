package natswire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// each reads all commands of a text and forms them again, one a line.
func each(t *testing.T, src io.Reader, limit int) (lines []string, err error) {
	t.Helper()
	r := NewReader(src)
	for {
		c, err := r.Next(limit)
		if err != nil {
			return lines, err
		}
		lines = append(lines, strings.Join([]string{
			string('0' + rune(c.Op)), string(c.Options), string(c.Subject), string(c.Reply), string(c.Header), string(c.Payload), string(c.Queue), string(c.SID), string('0' + rune(c.Most)),
		}, "|"))
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	const text = "CONNECT {\"verbose\":true}\r\nping\r\nPub a.b 3\r\nx\ny\r\nPUB\ta  _INBOX.r\t0\r\n\r\n" +
		"HPUB a r 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\nSUB _INBOX.> 7\r\nSUB a q s\nUNSUB 7\r\nUNSUB 7 5\r\nPONG\r\n"
	want := []string{
		`1|{"verbose":true}|||||||0`, `5||||||||0`, "2||a.b|||x\ny|||0", `2||a|_INBOX.r|||||0`,
		"2||a|r|NATS/1.0\r\nA: b\r\n\r\n|hi|||0", `3||_INBOX.>|||||7|0`, `3||a||||q|s|0`, `4|||||||7|0`, `4|||||||7|5`, `6||||||||0`,
	}
	for name, src := range map[string]io.Reader{"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
		lines, err := each(t, src, 20)
		if !errors.Is(err, io.EOF) || strings.Join(lines, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(lines, "\n"))
		}
	}
}

func TestWhatIsNotACommand(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"GET / HTTP/1.1\r\n": ErrUnknownOperation,
		"\r\n":               ErrUnknownOperation,
		"CONNECT\r\n":        ErrMalformed,
		"PUB a\r\n":          ErrMalformed,
		"PUB a b c 1\r\n":    ErrMalformed,
		"PUB a -1\r\n":       ErrMalformed,
		"PUB a 1x\r\n":       ErrMalformed,
		"PUB a 2\r\nxyz\r\n": ErrMalformed,
		"HPUB a 5 4\r\n":     ErrMalformed,
		"HPUB a 5\r\n":       ErrMalformed,
		"SUB a\r\n":          ErrMalformed,
		"SUB a b c d\r\n":    ErrMalformed,
		"UNSUB\r\n":          ErrMalformed,
		"UNSUB a x\r\n":      ErrMalformed,
		"PUB a 21\r\n":       ErrPayloadTooLarge,
		"PUB a 99999999999999999999999999999\r\n": ErrPayloadTooLarge,
		"PUB " + strings.Repeat("a", LineBytes):   ErrLineTooLong,
		"PUB a 5\r\nab":                           io.ErrUnexpectedEOF,
		"PING":                                    io.EOF,
	} {
		if _, err := each(t, strings.NewReader(text), 20); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, want %v", text, err, want)
		}
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header, name, want string
		ok                 bool
	}{
		{"", "A", "", true},
		{"NATS/1.0\r\nA: b\r\nA: c\r\nB:\r\n\r\n", "A", "b", true},
		{"NATS/1.0\r\nA: b\r\nB:d: e \r\n\r\n", "B", "d: e", true},
		{"NATS/1.0\r\nA: b\r\n\r\n", "a", "", true},
		{"NATS/1.0\r\n\r\n", "A", "", true},
		{"HTTP/1.0\r\nA: b\r\n\r\n", "A", "", false},
		{"NATS/1.0\r\nA: b\r\n", "A", "", false},
		{"NATS/1.0\r\nA b\r\n\r\n", "A", "", false},
		{"NATS/1.0\r\n: b\r\n\r\n", "A", "", false},
	} {
		if got, ok := Get([]byte(c.header), c.name); string(got) != c.want || ok != c.ok {
			t.Errorf("%q: %q %v", c.header, got, ok)
		}
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string][2]bool{
		"a": {true, true}, "a.b": {true, true}, "a.*": {false, true}, "a.>": {false, true}, ">": {false, true}, "": {}, ".": {}, "a.": {}, ".a": {}, "a..b": {}, ">.a": {},
		"a*": {true, true},
	} {
		if Valid(subject, false) != want[0] || Valid(subject, true) != want[1] {
			t.Errorf("%q: %v %v", subject, Valid(subject, false), Valid(subject, true))
		}
	}
	for pair, want := range map[string]bool{
		"a.b a.b": true, "a.* a.b": true, "*.b a.b": true, "a.> a.b.c": true, "> a": true,
		"a a.b": false, "a.b a": false, "a.> a": false, "a.* a.b.c": false, "a.b a.c": false,
	} {
		pattern, subject, _ := strings.Cut(pair, " ")
		if Matches(pattern, subject) != want {
			t.Errorf("%s: %v", pair, !want)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	if got := AppendMessage(nil, "_INBOX.a", "7", []byte("hi")); string(got) != "MSG _INBOX.a 7 2\r\nhi\r\n" {
		t.Errorf("%q", got)
	}
	if got := AppendError(nil, "it's\r\nPING"); string(got) != "-ERR 'it\"sPING'\r\n" {
		t.Errorf("%q", got)
	}
	if got := AppendInfo(nil, Info{ServerID: "a\r\nb"}); bytes.Count(got, []byte("\r\n")) != 1 {
		t.Errorf("%q", got)
	}
}

// FuzzReader reads whatever bytes. What is read is within its bounds and, formed again, reads as the same.
func FuzzReader(f *testing.F) {
	f.Add([]byte("CONNECT {}\r\nPING\r\nPUB a r 2\r\nhi\r\nSUB _INBOX.> 1\r\nUNSUB 1 2\r\n"))
	f.Add([]byte("HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"))
	f.Add([]byte("HPUB a r 30 30\r\nNATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 10
		r, slow := NewReader(bytes.NewReader(data)), NewReader(iotest.OneByteReader(bytes.NewReader(data)))
		for {
			c, err := r.Next(limit)
			d, other := slow.Next(limit)
			if err != nil || other != nil {
				if !errors.Is(other, err) {
					t.Fatalf("%v at once, %v byte by byte", err, other)
				}
				return
			}
			if c.Op != d.Op || !bytes.Equal(c.Payload, d.Payload) || !bytes.Equal(c.Subject, d.Subject) || !bytes.Equal(c.Reply, d.Reply) {
				t.Fatalf("%+v at once, %+v byte by byte", c, d)
			}
			if len(c.Header)+len(c.Payload) > limit || len(c.Subject)+len(c.Reply)+len(c.SID)+len(c.Queue)+len(c.Options) > LineBytes {
				t.Fatalf("%d bytes of header, %d of payload", len(c.Header), len(c.Payload))
			}
			_, _ = Get(c.Header, "Nats-Msg-Id")
			if subject := string(c.Subject); Valid(subject, false) && !Matches(subject, subject) {
				t.Fatalf("%q does not match itself", subject)
			}
		}
	})
}
