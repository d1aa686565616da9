package rpc

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millwright-io/millwright/tenancy"
)

// checkText refuses a request with a zero byte in a text, which no store of ours keeps and no person writes. What else a
// text may hold is for the field's own rules to say.
func checkText(request any) error {
	m, ok := request.(proto.Message)
	if !ok {
		return nil
	}
	if path := zeroByte(m.ProtoReflect()); path != "" {
		return fmt.Errorf("%s: it has a zero byte in it: leave it out: %w", path, tenancy.ErrInvalid)
	}
	return nil
}

// zeroByte returns the path to the first text found with a zero byte, or nothing.
func zeroByte(m protoreflect.Message) (path string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(f.Name())
		switch {
		case f.IsMap():
			v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
				path = zeroByteIn(name, f.MapKey().Kind(), key.Value())
				if path == "" {
					path = zeroByteIn(name, f.MapValue().Kind(), value)
				}
				return path == ""
			})
		case f.IsList():
			for i := 0; i < v.List().Len() && path == ""; i++ {
				path = zeroByteIn(name, f.Kind(), v.List().Get(i))
			}
		default:
			path = zeroByteIn(name, f.Kind(), v)
		}
		return path == ""
	})
	return path
}

// zeroByteIn looks into one value, which is neither a list nor a map, of the field name.
func zeroByteIn(name string, kind protoreflect.Kind, v protoreflect.Value) string {
	switch {
	case kind == protoreflect.StringKind && strings.IndexByte(v.String(), 0) >= 0:
		return name
	case kind == protoreflect.MessageKind:
		if below := zeroByte(v.Message()); below != "" {
			return name + "." + below
		}
	}
	return ""
}

// textInterceptor checks the texts of every request of a client.
type textInterceptor struct{}

func (textInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if err := checkText(req.Any()); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

func (textInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (textInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return next(ctx, textConn{conn})
	}
}

type textConn struct{ connect.StreamingHandlerConn }

func (c textConn) Receive(request any) error {
	if err := c.StreamingHandlerConn.Receive(request); err != nil {
		return err
	}
	return checkText(request)
}
