package main

import (
	"bufio"
	"bytes"
	"net"
	"strconv"
	"time"
)

// kind is what an answer was worth.
type kind int

const (
	right      kind = iota
	cleanError      // a status or an event that says so, in OpenAI's shape
	lie             // neither; a stream that is cut without an event that says so is one
	noAnswer        // not even a status came
)

// caller is one connection, which is opened anew whenever it has ended.
type caller struct {
	load    *load
	counted time.Time
	end     time.Time

	connection net.Conn
	used       time.Time
	from       *bufio.Reader
	scratch    []byte
	rest       []byte

	outcomes   []outcome
	eventLags  []time.Duration
	eventCount int
}

type outcome struct {
	kind   kind
	status int
	large  bool
	why    string
	// From the moment that was planned.
	whole, first time.Duration
	finished     time.Time
}

func (caller *caller) work(queue <-chan planned) {
	caller.scratch = make([]byte, bufferBytes)
	for next := range queue {
		if next.due.IsZero() {
			next.due = time.Now()
		}
		outcome := caller.ask(next)
		if outcome.kind != right {
			caller.drop()
		}
		if !next.due.Before(caller.counted) {
			caller.outcomes = append(caller.outcomes, outcome)
		}
	}
	caller.drop()
}

func (caller *caller) ask(next planned) outcome {
	request, large := caller.load.bytesOf(next.number)
	hearing := hearing{caller: caller, due: next.due, counts: !next.due.Before(caller.counted)}
	err := caller.exchange(request, &hearing)
	now := time.Now()
	found := outcome{status: hearing.status, large: large, whole: now.Sub(next.due), first: hearing.first, finished: now}
	found.kind, found.why = hearing.worth(err, caller.load.events)
	return found
}

// Servers close what has rested for some seconds, and a request that is sent just then has no answer.
const longestRest = time.Second

func (caller *caller) exchange(request []byte, hearing *hearing) error {
	if time.Since(caller.used) > longestRest {
		caller.drop()
	}
	if caller.connection == nil {
		connection, err := net.Dial("tcp", caller.load.address)
		if err != nil {
			return err
		}
		caller.connection, caller.from = connection, bufio.NewReaderSize(connection, bufferBytes)
	}
	if err := caller.connection.SetDeadline(time.Now().Add(caller.load.patience)); err != nil {
		return err
	}
	if _, err := caller.connection.Write(request); err != nil {
		return err
	}
	head, err := readHead(caller.from)
	if err != nil {
		return err
	}
	hearing.status, hearing.streamed = head.status(), head.events
	caller.rest = caller.rest[:0]
	if err := readBody(caller.from, head, caller.scratch, hearing.take); err != nil {
		return err
	}
	caller.used = time.Now()
	if head.closes {
		caller.drop()
	}
	return nil
}

func (caller *caller) drop() {
	if caller.connection != nil {
		caller.connection.Close()
		caller.connection = nil
	}
}

// hearing is one answer as it comes.
type hearing struct {
	caller   *caller
	due      time.Time
	counts   bool
	status   int
	streamed bool
	words    int
	first    time.Duration
	finished bool
	done     bool
	failed   bool
}

func (hearing *hearing) take(part []byte) {
	caller := hearing.caller
	caller.rest = append(caller.rest, part...)
	if !hearing.streamed {
		return
	}
	now := time.Now()
	lines := caller.rest
	for {
		line, after, found := bytes.Cut(lines, []byte("\n"))
		if !found {
			break
		}
		hearing.line(line, now)
		lines = after
	}
	caller.rest = append(caller.rest[:0], lines...)
	// The patience is for silence, not for the whole of a long stream.
	if caller.connection != nil {
		_ = caller.connection.SetReadDeadline(now.Add(caller.load.patience))
	}
}

func (hearing *hearing) line(line []byte, now time.Time) {
	if !bytes.HasPrefix(line, []byte("data:")) {
		return
	}
	switch {
	case contains(line, "[DONE]"):
		hearing.done = true
	case contains(line, `"error":`):
		hearing.failed = true
	case hearing.word(line, now):
	case contains(line, `"stop"`):
		hearing.finished = true
	}
}

// word tells whether the event is one with a word, and how long it was on its way.
func (hearing *hearing) word(line []byte, now time.Time) bool {
	_, text, found := bytes.Cut(line, []byte(`"content":`))
	if !found {
		return false
	}
	text = bytes.TrimLeft(text, ` "`)
	if len(text) < stampDigits {
		return false
	}
	sent, err := strconv.ParseInt(string(text[:stampDigits]), 10, 64)
	if err != nil {
		return false
	}
	hearing.words++
	if hearing.words == 1 {
		hearing.first = now.Sub(hearing.due)
	}
	if hearing.counts {
		hearing.caller.eventCount++
		hearing.caller.eventLags = append(hearing.caller.eventLags, time.Duration(now.UnixNano()-sent))
	}
	return true
}

func (hearing *hearing) worth(err error, words int) (kind, string) {
	switch {
	case hearing.status == 0 && err != nil:
		return noAnswer, err.Error()
	case hearing.status == 0:
		return noAnswer, "no HTTP"
	case hearing.failed:
		return cleanError, ""
	case err != nil:
		return lie, "cut: " + err.Error()
	case hearing.status >= 400:
		if contains(hearing.caller.rest, `"error":`) {
			return cleanError, ""
		}
		return lie, "an error in no shape that clients know"
	case !hearing.streamed:
		return hearing.worthOfBody()
	case !hearing.finished || !hearing.done:
		return lie, "a stream that ends without its end"
	case words > 0 && hearing.words != words:
		return lie, "a stream with " + strconv.Itoa(hearing.words) + " words"
	}
	return right, ""
}

func (hearing *hearing) worthOfBody() (kind, string) {
	body := hearing.caller.rest
	if hearing.caller.load.stream {
		return lie, "an answer in one piece in place of a stream"
	}
	if contains(body, `"finish_reason":`) && contains(body, `"completion_tokens":`) {
		return right, ""
	}
	return lie, "an answer without its end"
}
