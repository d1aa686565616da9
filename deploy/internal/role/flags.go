// Package role holds the verbs that run one part of the product as a process of its own: the control plane, a cell, the
// embedded ClickHouse endpoint, and the migrations. Command millwright imports it.
package role

import (
	"flag"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// names spells the acronyms and brands of field names as words.
var names = strings.NewReplacer(
	"NATS", "Nats", "MQTT", "Mqtt", "API", "Api", "URL", "Url", "HTTP", "Http", "TLS", "Tls", "DSN", "Dsn", "EST", "Est", "KEK", "Kek",
	"ID", "Id", "CA", "Ca", "ClickHouse", "Clickhouse", "WebSocket", "Websocket",
)

// FlagName is the flag that sets a field of a configuration: NATSPasswordFile is nats-password-file.
func FlagName(field string) string {
	var b strings.Builder
	for i, r := range names.Replace(field) {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// define makes a flag of every field of the struct that cfg points to; the field's value is the default. Lists are
// separated by commas.
func define(fs *flag.FlagSet, cfg any) {
	v := reflect.ValueOf(cfg).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		name := FlagName(field.Name)
		usage := strings.ReplaceAll(name, "-", " ")
		switch p := v.Field(i).Addr().Interface().(type) {
		case *string:
			fs.StringVar(p, name, *p, usage)
		case *int:
			fs.IntVar(p, name, *p, usage)
		case *int64:
			fs.Int64Var(p, name, *p, usage)
		case *bool:
			fs.BoolVar(p, name, *p, usage)
		case *float64:
			fs.Float64Var(p, name, *p, usage)
		case *time.Duration:
			fs.DurationVar(p, name, *p, usage)
		case *[]string:
			fs.Var((*list)(p), name, usage+", separated by commas")
		}
	}
}

// list is a flag of several values.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set replaces the list; an empty text empties it.
func (l *list) Set(text string) error {
	*l = nil
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			*l = append(*l, word)
		}
	}
	return nil
}

// Arguments turns a configuration into the flags that differ from those of the default, for starting the role as a
// child.
func Arguments(cfg, defaults any) []string {
	v, d := reflect.ValueOf(cfg), reflect.ValueOf(defaults)
	var args []string
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || reflect.DeepEqual(v.Field(i).Interface(), d.Field(i).Interface()) {
			continue
		}
		text := fmt.Sprint(v.Field(i).Interface())
		if words, ok := v.Field(i).Interface().([]string); ok {
			text = strings.Join(words, ",")
		}
		args = append(args, "--"+FlagName(field.Name)+"="+text)
	}
	return args
}
