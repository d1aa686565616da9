package rpc

import (
	"github.com/millwright-io/millwright/dataplane/internal/query"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

var resolutions = map[telemetryv1.Resolution]query.Resolution{
	telemetryv1.Resolution_RESOLUTION_UNSPECIFIED:  query.Auto,
	telemetryv1.Resolution_RESOLUTION_RAW:          query.Raw,
	telemetryv1.Resolution_RESOLUTION_SECOND:       query.Second,
	telemetryv1.Resolution_RESOLUTION_MINUTE:       query.Minute,
	telemetryv1.Resolution_RESOLUTION_FIVE_MINUTES: query.FiveMinutes,
	telemetryv1.Resolution_RESOLUTION_QUARTER_HOUR: query.QuarterHour,
	telemetryv1.Resolution_RESOLUTION_HOUR:         query.Hour,
	telemetryv1.Resolution_RESOLUTION_DAY:          query.Day,
}

func resolutionFromProto(r telemetryv1.Resolution) query.Resolution { return resolutions[r] }

func resolutionToProto(r query.Resolution) telemetryv1.Resolution {
	for out, in := range resolutions {
		if in == r {
			return out
		}
	}
	return telemetryv1.Resolution_RESOLUTION_UNSPECIFIED
}
