package rpc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

// Download opens a path of the control plane that is no RPC, such as /api/v1/audit/export. Close it.
func (c *Client) Download(ctx context.Context, path string) (io.ReadCloser, error) {
	return c.open(ctx, http.MethodGet, path)
}

// Take opens a path of that kind whose content can be taken once. Close it.
func (c *Client) Take(ctx context.Context, path string) (io.ReadCloser, error) {
	return c.open(ctx, http.MethodPost, path)
}

func (c *Client) open(ctx context.Context, method, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.server+path, nil)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	c.header.set(req.Header)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, command.Unreachable("could not reach the server: %s: is `millwright up` running, and is --server its address?", err)
	}
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		_ = res.Body.Close()
		if res.StatusCode == http.StatusUnauthorized {
			return nil, fmt.Errorf("get %s: %s (%s)", path, c.header.unknown, strings.TrimSpace(string(text)))
		}
		return nil, fmt.Errorf("get %s: %s: %s", path, res.Status, text)
	}
	return res.Body, nil
}
