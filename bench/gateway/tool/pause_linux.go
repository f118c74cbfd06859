package main

import (
	"syscall"
	"time"
)

// pause is as exact as the kernel: time.Sleep is late by up to a millisecond while nothing else happens.
func pause(length time.Duration) {
	if length > 0 {
		wanted := syscall.NsecToTimespec(int64(length))
		_ = syscall.Nanosleep(&wanted, nil)
	}
}
