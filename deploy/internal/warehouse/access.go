package warehouse

// manageUsers runs sql if it is a statement about users.
func (s *Server) manageUsers(sql string) (bool, error) { return false, nil }
