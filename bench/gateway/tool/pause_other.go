//go:build !linux

package main

import "time"

func pause(length time.Duration) {
	time.Sleep(length)
}
