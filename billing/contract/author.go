package contract

// Author is the operator behind a change, and the call that made it, as audit logs have them.
type Author struct {
	Actor, Action            string
	RemoteAddress, RequestID string
}
