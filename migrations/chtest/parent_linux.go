package chtest

import "syscall"

// dieWithParent makes the kernel end the child when the test process is gone, however it went.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
