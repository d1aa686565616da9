package device

// Valid refuses texts that Create would refuse, for those who have many devices to check before any is created.
func (d Device) Valid() error { return d.check() }
