package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxLine bounds an answer.
const maxLine = 4096

// Prompt asks a person for lines.
type Prompt struct {
	in  *os.File
	out io.Writer
}

// NewPrompt returns a prompt that reads from in and asks on out; false when in is no terminal, so that nobody would answer.
func NewPrompt(in io.Reader, out io.Writer) (*Prompt, bool) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, false
	}
	return &Prompt{in: f, out: out}, true
}

// Line asks and returns what is typed, without spaces around it.
func (p *Prompt) Line(ctx context.Context, question string) (string, error) {
	text, err := p.ask(ctx, question, p.readLine)
	return strings.TrimSpace(text), err
}

// Secret asks for what must not be seen while it is typed.
func (p *Prompt) Secret(ctx context.Context, question string) (string, error) {
	text, err := p.ask(ctx, question, func() (string, error) {
		secret, err := term.ReadPassword(int(p.in.Fd()))
		return string(secret), err
	})
	_, _ = fmt.Fprintln(p.out) // the person's own line end was not shown
	return text, err
}

// ask ends with ctx, and leaves the terminal as it was. The read that nobody waits for any more ends with the process.
func (p *Prompt) ask(ctx context.Context, question string, read func() (string, error)) (string, error) {
	before, err := term.GetState(int(p.in.Fd()))
	if err != nil {
		return "", fmt.Errorf("use the terminal: %w", err)
	}
	_, _ = fmt.Fprint(p.out, question)
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := read()
		answers <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		_ = term.Restore(int(p.in.Fd()), before)
		_, _ = fmt.Fprintln(p.out)
		return "", errors.New("interrupted, nothing is changed")
	case a := <-answers:
		if a.err != nil {
			return "", fmt.Errorf("read from the terminal: %w", a.err)
		}
		return a.text, nil
	}
}

// readLine takes no byte beyond the line: the next question's answer may be typed already.
func (p *Prompt) readLine() (string, error) {
	var line []byte
	for b := make([]byte, 1); len(line) < maxLine; {
		n, err := p.in.Read(b)
		if n == 1 && b[0] == '\n' {
			return string(line), nil
		}
		if err != nil {
			return "", err
		}
		line = append(line, b[:n]...)
	}
	return "", fmt.Errorf("longer than %d bytes", maxLine)
}
