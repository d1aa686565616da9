package query

// Together lets a recount compare only so many windows at a time.
func (s *Service) Together(n uint64) { s.together = n }
