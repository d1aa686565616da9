package rpc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/deploy/internal/command"
	cellv1 "github.com/millwright-io/millwright/proto/gen/millwright/cell/v1"
	pipelinev1 "github.com/millwright-io/millwright/proto/gen/millwright/pipeline/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/pipeline/v1/pipelinev1connect"
)

// Pipeline asks a cell itself how events fare in it, as an operator of the installation.
func (c *Client) Pipeline(ctx context.Context, cell string) (*pipelinev1.GetResponse, error) {
	entry, err := c.Cells.Enter(ctx, &cellv1.EnterRequest{Cell: cell})
	if err != nil {
		return nil, err
	}
	return pipelinev1connect.NewPipelineServiceClient(c.http, entry.GetUrl(), connect.WithInterceptors(keyHeader(entry.GetToken()))).Get(ctx, &pipelinev1.GetRequest{})
}

// Profile opens a profile of a cell's process, e.g. heap, goroutine, profile. Close it.
func (c *Client) Profile(ctx context.Context, cell, kind string, seconds int) (io.ReadCloser, error) {
	entry, err := c.Cells.Enter(ctx, &cellv1.EnterRequest{Cell: cell})
	if err != nil {
		return nil, Explain(err)
	}
	address := strings.TrimRight(entry.GetUrl(), "/") + "/debug/pprof/" + url.PathEscape(kind)
	if seconds > 0 {
		address += "?seconds=" + strconv.Itoa(seconds)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", cell, err)
	}
	req.Header.Set("Authorization", "Bearer "+entry.GetToken())
	res, err := c.http.Do(req)
	if err != nil {
		return nil, command.Unreachable("could not reach cell %s: %s", cell, err)
	}
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		_ = res.Body.Close()
		return nil, fmt.Errorf("profile %s of cell %s: %s: %s", kind, cell, res.Status, strings.TrimSpace(string(text)))
	}
	return res.Body, nil
}
