package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-message/mail"
)

// parse reads an e-mail's head and its first part of plain text.
func parse(text []byte) (Message, error) {
	r, err := mail.CreateReader(bytes.NewReader(text))
	if err != nil {
		return Message{}, fmt.Errorf("read e-mail: %w", err)
	}
	defer func() { _ = r.Close() }()
	m := Message{From: address(r.Header, "From"), To: address(r.Header, "To")}
	if m.Subject, err = r.Header.Subject(); err != nil {
		return Message{}, fmt.Errorf("read subject: %w", err)
	}
	if m.To == "" {
		return Message{}, errors.New("it names no reader")
	}
	m.Text, err = plainText(r)
	return m, err
}

func address(h mail.Header, field string) string {
	list, err := h.AddressList(field)
	if err != nil || len(list) == 0 {
		return ""
	}
	return list[0].Address
}

func plainText(r *mail.Reader) (string, error) {
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("read e-mail: %w", err)
		}
		h, ok := part.Header.(*mail.InlineHeader)
		if !ok {
			continue
		}
		if kind, _, _ := h.ContentType(); kind != "text/plain" && kind != "" {
			continue
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return "", fmt.Errorf("read e-mail: %w", err)
		}
		return string(body), nil
	}
}
