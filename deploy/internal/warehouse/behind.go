package warehouse

import "github.com/millwright-io/millwright/deploy/internal/nice"

// behind is the nice value of a statement's threads by its priority: whoever takes most gets the processor when nobody else wants
// it. The engine sets it only where its process may (CAP_SYS_NICE), and needs it for all, for it puts its threads back to 0.
func behind(priority int) int { return min(nice.Last, nice.Store+4*(priority-1)) }
