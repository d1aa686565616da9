package frame

// Receipt is told what became of the events that its owner handed in, once a call. It must not block: it is called by
// the goroutine that everybody's frames go through.
type Receipt interface {
	// Stored says that the events handed in with this token are durable, or that they are not and why.
	Stored(token uint64, err error)
	// Flush follows the calls of Stored that one frame caused: now is the time to write answers.
	Flush()
}
