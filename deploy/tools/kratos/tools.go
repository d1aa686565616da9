//go:build tools

// Package kratos pins the identity server that `millwright up` builds and runs as a child process. Nothing imports it.
package kratos

import _ "github.com/ory/kratos/cmd"
