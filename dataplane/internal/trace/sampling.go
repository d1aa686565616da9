package trace

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// usualRatio is how many messages are followed when nothing else is said: a busy cell has some 200 000 a second.
	usualRatio = 0.0001
	// most bounds the messages followed in a second, mostAsked those of them for which a device asked, mostOfTenant those that
	// one tenant's devices can ask for: a tenant whose devices ask with every message takes no other's place.
	most         = 50
	mostAsked    = 20
	mostOfTenant = 2
)

// sampler chooses the messages that are followed.
type sampler struct {
	ratio float64
	// askable: a device may ask for its messages to be followed.
	askable bool

	mu         sync.Mutex
	second     int64
	all, asked int
	tenants    map[tenancy.ID]int
}

// newSampler reads the standard variables.
func newSampler(getenv func(string) string) (*sampler, error) {
	s := &sampler{ratio: usualRatio, askable: true, tenants: map[tenancy.ID]int{}}
	name, argument := getenv("OTEL_TRACES_SAMPLER"), getenv("OTEL_TRACES_SAMPLER_ARG")
	switch name {
	case "":
		return s, nil
	case "always_on", "parentbased_always_on":
		s.ratio = 1
	case "always_off", "parentbased_always_off":
		s.ratio = 0
	case "traceidratio", "parentbased_traceidratio":
		s.ratio = 1
		if argument != "" {
			ratio, err := strconv.ParseFloat(argument, 64)
			if err != nil || !(ratio >= 0 && ratio <= 1) {
				return nil, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG %q: want a number from 0 to 1", argument)
			}
			s.ratio = ratio
		}
	default:
		return nil, fmt.Errorf("OTEL_TRACES_SAMPLER %q: want always_on, always_off, traceidratio, or one of them after parentbased_", name)
	}
	s.askable = len(name) > len("parentbased_") && name[:len("parentbased_")] == "parentbased_"
	return s, nil
}

// take decides on a message; asked says that its device wants it followed. It costs no lock unless it is likely to be taken.
func (s *sampler) take(tenant tenancy.ID, asked bool, now time.Time) bool {
	asked = asked && s.askable
	if !asked && (s.ratio == 0 || s.ratio < 1 && rand.Float64() >= s.ratio) { //nolint:gosec // no secret
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if second := now.Unix(); second != s.second {
		s.second, s.all, s.asked = second, 0, 0
		clear(s.tenants)
	}
	if s.all >= most || asked && (s.asked >= mostAsked || s.tenants[tenant] >= mostOfTenant) {
		return false
	}
	s.all++
	if asked {
		s.asked++
		s.tenants[tenant]++
	}
	return true
}
