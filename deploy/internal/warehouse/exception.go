package warehouse

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/millwright-io/millwright/deploy/internal/chdb"
)

// The ClickHouse error codes that the endpoint itself raises.
const (
	codeBadArguments       = 36
	codeSyntaxError        = 62
	codeUnknownUser        = 192
	codeTooManyQueries     = 202
	codeTimeout            = 159
	codeAborted            = 236
	codeQueryTooLarge      = 208
	codeMemoryLimit        = 241
	codeSessionNotFound    = 372
	codeSessionLocked      = 373
	codeQueryCancelled     = 394
	codeSettingConstraint  = 452
	codeUserExists         = 493
	codeAccessDenied       = 497
	codeAuthFailed         = 516
	codeUnsupportedMethod  = 1
	codeTooManyBytes       = 307
	codeResultTooLarge     = 396
	codeCannotDecompress   = 271
	codeUnknownCompression = 89
	codeNotImplemented     = 48
)

func exception(code int, name, format string, args ...any) *chdb.Error {
	return &chdb.Error{Code: code, Text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), name)}
}

func denied(format string, args ...any) *chdb.Error {
	return exception(codeAccessDenied, "ACCESS_DENIED", format, args...)
}

// asException gives every error the form that ClickHouse clients read.
func asException(err error) *chdb.Error {
	var e *chdb.Error
	if errors.As(err, &e) {
		return e
	}
	return exception(1002, "UNKNOWN_EXCEPTION", "%s", err)
}

// httpStatus maps a ClickHouse code to the status that the real server answers with.
func httpStatus(code int) int {
	switch code {
	case 194:
		return http.StatusUnauthorized
	case codeUnknownUser, 193, codeAuthFailed, 512, codeAccessDenied:
		return http.StatusForbidden
	case 6, 26, 27, 32, 33, 38, 41, 42, 43, 53, codeBadArguments, codeSyntaxError, 69, 70, 72, 73, 117, 120, 130, 349, 394,
		427, 441, 454, 467, 475, codeCannotDecompress, codeUnknownCompression, 456, 457, codeSettingConstraint, 690:
		return http.StatusBadRequest
	case 16, 46, 47, 50, 56, 60, 81, 115, 141, 336, codeSessionNotFound:
		return http.StatusNotFound
	case codeQueryTooLarge, codeTooManyBytes:
		return http.StatusRequestEntityTooLarge
	case codeTimeout:
		return http.StatusRequestTimeout
	case codeNotImplemented:
		return http.StatusNotImplemented
	case codeQuotaExceeded:
		return http.StatusTooManyRequests
	case codeTooManyQueries, 439:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
