package main

import (
	"bytes"
	"flag"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// load asks one address, each request at the moment that was planned for it, whatever became of those before.
type load struct {
	url         string
	keyName     string
	model       string
	rate        float64
	seconds     float64
	warmUp      float64
	total       int
	connections int
	stream      bool
	usage       bool
	events      int
	bodyBytes   int
	largeBytes  int
	largeEvery  int
	patience    time.Duration

	address string
	small   []byte
	large   []byte
}

func loadFlags(flags *flag.FlagSet) *load {
	made := &load{}
	flags.StringVar(&made.url, "url", "", "what to ask: http://127.0.0.1:8080/v1/chat/completions")
	flags.StringVar(&made.keyName, "key-from", "", "the variable of the environment that holds the key")
	flags.StringVar(&made.model, "model", "boat", "the model that requests name")
	flags.Float64Var(&made.rate, "rate", 0, "requests a second; 0: each connection asks again when it is answered")
	flags.Float64Var(&made.seconds, "seconds", 10, "for so long requests are planned, after the warm-up")
	flags.Float64Var(&made.warmUp, "warm-up", 0, "seconds before anything counts")
	flags.IntVar(&made.total, "total", 0, "at most so many requests; 0: as many as the seconds have room for")
	flags.IntVar(&made.connections, "connections", 64, "at most so many requests at a time")
	flags.BoolVar(&made.stream, "stream", false, "ask for streams")
	flags.BoolVar(&made.usage, "usage", false, "ask for usage in streams")
	flags.IntVar(&made.events, "events", 0, "words that a right stream has; 0: any number")
	flags.IntVar(&made.bodyBytes, "body-bytes", 2200, "length of a request")
	flags.IntVar(&made.largeBytes, "large-bytes", 400_000, "length of a large request")
	flags.IntVar(&made.largeEvery, "large-every", 0, "each request with this number is a large one; 0: none is")
	flags.DurationVar(&made.patience, "patience", time.Minute, "after so much silence an answer has failed")
	return made
}

func (load *load) prepare() error {
	parsed, err := url.Parse(load.url)
	if err != nil || parsed.Scheme != "http" || parsed.Port() == "" {
		return fmt.Errorf("--url is %q: give an address like http://127.0.0.1:8080/v1/chat/completions", load.url)
	}
	if load.connections < 1 || load.rate < 0 || load.seconds <= 0 {
		return fmt.Errorf("--connections and --seconds must be more than 0, and --rate not less")
	}
	load.address = parsed.Host
	load.small = load.request(parsed, load.bodyBytes)
	if load.largeEvery > 0 {
		load.large = load.request(parsed, load.largeBytes)
	}
	return nil
}

func (load *load) request(to *url.URL, length int) []byte {
	options := ""
	if load.stream {
		options = `,"stream":true`
	}
	if load.stream && load.usage {
		options += `,"stream_options":{"include_usage":true}`
	}
	format := `{"model":"%s","messages":[{"role":"user","content":"%s"}]%s}`
	around := len(fmt.Sprintf(format, load.model, "", options))
	body := fmt.Sprintf(format, load.model, strings.Repeat("ahoy ", max(0, length-around)/5), options)
	key := "none"
	if load.keyName != "" {
		key = os.Getenv(load.keyName)
	}
	head := "POST %s HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\nauthorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
	return fmt.Appendf(nil, head, to.RequestURI(), to.Host, key, len(body), body)
}

// planned is one request that is due.
type planned struct {
	number int
	due    time.Time
}

func (load *load) run() (*report, error) {
	if err := load.prepare(); err != nil {
		return nil, err
	}
	begin := time.Now()
	counted := begin.Add(time.Duration(load.warmUp * float64(time.Second)))
	end := counted.Add(time.Duration(load.seconds * float64(time.Second)))
	queue, lateness := load.plan(begin, end)
	callers := make([]*caller, load.connections)
	var group sync.WaitGroup
	for at := range callers {
		callers[at] = &caller{load: load, counted: counted, end: end}
		group.Go(func() { callers[at].work(queue) })
	}
	group.Wait()
	return load.summary(callers, <-lateness), nil
}

// plan gives each request at its moment to whichever connection is free, or lets it wait for the next that will be.
func (load *load) plan(begin, end time.Time) (<-chan planned, <-chan []time.Duration) {
	lateness := make(chan []time.Duration, 1)
	if load.rate == 0 {
		lateness <- nil
		return load.closed(end), lateness
	}
	count := int(load.rate * end.Sub(begin).Seconds())
	if load.total > 0 {
		count = min(count, load.total)
	}
	// Nobody who is late may hold up what is planned after: there is room for all of them.
	queue := make(chan planned, count)
	go func() {
		runtime.LockOSThread()
		late := make([]time.Duration, count)
		for number := range count {
			due := begin.Add(time.Duration(float64(number) / load.rate * float64(time.Second)))
			pause(time.Until(due))
			late[number] = time.Since(due)
			queue <- planned{number, due}
		}
		close(queue)
		lateness <- late
	}()
	return queue, lateness
}

// closed has the next request ready whenever a connection wants one.
func (load *load) closed(end time.Time) <-chan planned {
	queue := make(chan planned)
	go func() {
		defer close(queue)
		for number := 0; time.Now().Before(end) && (load.total == 0 || number < load.total); number++ {
			queue <- planned{number: number}
		}
	}()
	return queue
}

func (load *load) bytesOf(number int) (request []byte, large bool) {
	if load.largeEvery > 0 && number%load.largeEvery == load.largeEvery-1 {
		return load.large, true
	}
	return load.small, false
}

func processorSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

func contains(data []byte, words string) bool {
	return bytes.Contains(data, []byte(words))
}
