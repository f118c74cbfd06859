package main

import (
	"slices"
	"strconv"
	"time"
)

const stall = 200 * time.Millisecond

// report is what one run has brought. All times are in seconds; those of requests begin at the planned moment.
type report struct {
	PerSecond  float64        `json:"per_second"`
	Right      int            `json:"right"`
	Errors     map[string]int `json:"errors"`
	Lies       int            `json:"lies"`
	NoAnswers  int            `json:"no_answers"`
	Why        map[string]int `json:"why"`
	Small      quantiles      `json:"small"`
	Large      quantiles      `json:"large"`
	FirstWord  quantiles      `json:"first_word"`
	EventLag   quantiles      `json:"event_lag"`
	Events     int            `json:"events"`
	Stalls     int            `json:"stalls"`
	Lateness   quantiles      `json:"lateness"`
	CPUSeconds float64        `json:"cpu_seconds"`
}

// quantiles of nothing are all 0.
type quantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Most  float64 `json:"most"`
}

func (load *load) summary(callers []*caller, lateness []time.Duration) *report {
	made := &report{Errors: map[string]int{}, Why: map[string]int{}, Lateness: quantilesOf(lateness)}
	var small, large, first, lags []time.Duration
	inTime := 0
	for _, caller := range callers {
		made.Events += caller.eventCount
		lags = append(lags, caller.eventLags...)
		for _, outcome := range caller.outcomes {
			made.count(outcome)
			if outcome.kind != right {
				continue
			}
			if !outcome.finished.After(caller.end) {
				inTime++
			}
			if outcome.large {
				large = append(large, outcome.whole)
			} else {
				small = append(small, outcome.whole)
			}
			if load.stream {
				first = append(first, outcome.first)
			}
		}
	}
	made.PerSecond = float64(inTime) / load.seconds
	made.Small, made.Large, made.FirstWord = quantilesOf(small), quantilesOf(large), quantilesOf(first)
	made.EventLag = quantilesOf(lags)
	for _, lag := range lags {
		if lag > stall {
			made.Stalls++
		}
	}
	made.CPUSeconds = processorSeconds()
	return made
}

func (made *report) count(outcome outcome) {
	switch outcome.kind {
	case right:
		made.Right++
	case cleanError:
		made.Errors[strconv.Itoa(outcome.status)]++
	case lie:
		made.Lies++
	case noAnswer:
		made.NoAnswers++
	}
	if outcome.why != "" {
		made.Why[outcome.why]++
	}
}

func quantilesOf(times []time.Duration) quantiles {
	if len(times) == 0 {
		return quantiles{}
	}
	slices.Sort(times)
	at := func(share float64) float64 {
		return times[min(len(times)-1, int(share*float64(len(times))))].Seconds()
	}
	return quantiles{len(times), at(0.5), at(0.9), at(0.99), at(0.999), times[len(times)-1].Seconds()}
}
