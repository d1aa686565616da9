// Package natswire is the client protocol of NATS as a server sees it: it cuts what a client sends into commands and forms
// what a client reads. It knows no subjects, no devices and no connections. The gateway imports it.
package natswire

import (
	"encoding/json"
	"errors"
)

// Op is what a client asks for.
type Op byte

// The operations of clients.
const (
	Connect Op = iota + 1
	Publish
	Subscribe
	Unsubscribe
	Ping
	Pong
)

// Command is one operation. Its slices are parts of the reader's buffers.
type Command struct {
	Op Op
	// Options is the JSON of a CONNECT.
	Options []byte
	// Subject is that of a PUB, HPUB or SUB; Reply where the answer of a publish goes, or empty.
	Subject, Reply []byte
	// Header is the header of an HPUB with its last empty line, Payload what follows.
	Header, Payload []byte
	// Queue is the queue group of a SUB, SID the id of the subscription, Most after how many messages an UNSUB ends it: 0 is now.
	Queue, SID []byte
	Most       int
}

// What a client is told before its connection ends. The words are the protocol's own: client libraries know them.
var (
	ErrUnknownOperation = errors.New("Unknown Protocol Operation")    //nolint:staticcheck,revive // the protocol's spelling
	ErrLineTooLong      = errors.New("Maximum Control Line Exceeded") //nolint:staticcheck,revive // the protocol's spelling
	ErrPayloadTooLarge  = errors.New("Maximum Payload Violation")     //nolint:staticcheck,revive // the protocol's spelling
	ErrMalformed        = errors.New("Parser Error")                  //nolint:staticcheck,revive // the protocol's spelling
)

// Options are what a CONNECT says that matters here; credentials in it are not looked at.
type Options struct {
	Verbose  bool   `json:"verbose"`
	Headers  bool   `json:"headers"`
	Name     string `json:"name"`
	Language string `json:"lang"`
	Version  string `json:"version"`
}

// ParseOptions reads the JSON of a CONNECT.
func ParseOptions(text []byte) (o Options, err error) {
	if err := json.Unmarshal(text, &o); err != nil {
		return o, ErrMalformed
	}
	return o, nil
}

// Info is what a server says of itself.
type Info struct {
	ServerID     string `json:"server_id"`
	ServerName   string `json:"server_name"`
	Version      string `json:"version"`
	Protocol     int    `json:"proto"`
	Host         string `json:"host"`
	Port         int    `json:"port"`
	Headers      bool   `json:"headers"`
	MaxPayload   int    `json:"max_payload"`
	TLSRequired  bool   `json:"tls_required"`
	TLSVerify    bool   `json:"tls_verify"`
	ClientID     uint64 `json:"client_id"`
	ClientIP     string `json:"client_ip,omitempty"`
	LameDuckMode bool   `json:"ldm,omitempty"`
}

// AppendInfo writes an INFO.
func AppendInfo(dst []byte, info Info) []byte {
	text, _ := json.Marshal(info) // strings and numbers
	dst = append(append(dst, "INFO "...), text...)
	return append(dst, "\r\n"...)
}
