package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/tokenkey"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
)

// ListTokenKeys returns the keys of cell tokens.
func (s *Platform) ListTokenKeys(ctx context.Context, _ *platformv1.ListTokenKeysRequest) (*platformv1.ListTokenKeysResponse, error) {
	list, err := s.TokenKeys.List(ctx)
	if err != nil {
		return nil, err
	}
	return &platformv1.ListTokenKeysResponse{Keys: s.tokenKeysToProto(list)}, nil
}

// RetireTokenKey withdraws the trust in a key that leaked.
func (s *Platform) RetireTokenKey(ctx context.Context, req *platformv1.RetireTokenKeyRequest) (*platformv1.RetireTokenKeyResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.TokenKeys.Retire(ctx, p, req.GetKeyId())
	if err != nil {
		return nil, err
	}
	return &platformv1.RetireTokenKeyResponse{Keys: s.tokenKeysToProto(list)}, nil
}

func (s *Platform) tokenKeysToProto(list []tokenkey.Key) []*platformv1.TokenKey {
	signing, ahead := s.TokenKeys.Signing(list), false
	out := make([]*platformv1.TokenKey, 0, len(list))
	for _, k := range list {
		m := &platformv1.TokenKey{
			KeyId: k.ID, State: platformv1.TokenKeyState_TOKEN_KEY_STATE_ENDING,
			PublishedAt: timestamppb.New(k.PublishedAt), SignsFrom: timestamppb.New(k.SignsFrom),
		}
		switch {
		case !k.Live():
			m.State, m.RetiredAt = platformv1.TokenKeyState_TOKEN_KEY_STATE_RETIRED, timestamppb.New(k.RetiredAt)
		case k.ID == signing:
			m.State, ahead = platformv1.TokenKeyState_TOKEN_KEY_STATE_SIGNING, true
		case ahead:
			m.State = platformv1.TokenKeyState_TOKEN_KEY_STATE_AHEAD
		}
		out = append(out, m)
	}
	return out
}
