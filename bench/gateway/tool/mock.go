package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// The moment at which an event was sent stands in its text: nanoseconds since 1970, always so many digits.
const stampDigits = 19

// mock is a backend with a model that needs no time of its own.
type mock struct {
	listen      string
	answerBytes int
	delay       time.Duration
	events      int
	eventBytes  int
	every       time.Duration

	whole   []byte
	opening []byte
	word    word
	running word
	closing []byte
	usage   []byte
	counts  counts
}

type counts struct {
	requests, streams, events, bytes atomic.Int64
}

func mockFlags(flags *flag.FlagSet) *mock {
	made := &mock{}
	flags.StringVar(&made.listen, "listen", "127.0.0.1:0", "where; the port is told on standard output")
	flags.IntVar(&made.answerBytes, "answer-bytes", 1500, "length of an answer in one piece")
	flags.DurationVar(&made.delay, "delay", 0, "from a request to the first byte of its answer")
	flags.IntVar(&made.events, "events", 50, "words of a stream")
	flags.IntVar(&made.eventBytes, "event-bytes", 190, "length of an event with a word")
	flags.DurationVar(&made.every, "every", 20*time.Millisecond, "from word to word")
	return made
}

const streamHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n" +
	"transfer-encoding: chunked\r\n\r\n"

const promptTokens = 11

const usageOf = `{"prompt_tokens":11,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":0}}`

func (mock *mock) prepare() {
	mock.whole = answer(mock.wholeBody())
	start := `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1800000000,"model":"boat","choices":[`
	choice := `{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}`
	opening := fmt.Sprintf(choice, `{"role":"assistant","content":""}`, "null")
	mock.opening = append([]byte(streamHead), chunk([]byte(start+opening+"]}\n\n"))...)
	mock.word = newWord(start, choice, mock.eventBytes, false)
	mock.running = newWord(start, choice, mock.eventBytes, true)
	mock.closing = chunk([]byte(start + fmt.Sprintf(choice, "{}", `"stop"`) + "]}\n\n"))
	usage := fmt.Sprintf(usageOf, mock.events, mock.events+promptTokens)
	mock.usage = chunk([]byte(start + `],"usage":` + usage + "}\n\n"))
}

func (mock *mock) wholeBody() []byte {
	tokens := max(1, mock.answerBytes/5)
	format := `{"id":"chatcmpl-1","object":"chat.completion","created":1800000000,"model":"boat","choices":[{"index":0,` +
		`"message":{"role":"assistant","content":"%s","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":%s}`
	usage := fmt.Sprintf(usageOf, tokens, tokens+promptTokens)
	around := len(fmt.Sprintf(format, "", usage))
	return fmt.Appendf(nil, format, strings.Repeat("ahoy ", max(0, mock.answerBytes-around)/5), usage)
}

func answer(body []byte) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", len(body), body)
}

func (mock *mock) serve() error {
	mock.prepare()
	listener, err := net.Listen("tcp", mock.listen)
	if err != nil {
		return err
	}
	told := map[string]int{"port": listener.Addr().(*net.TCPAddr).Port}
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go mock.attend(connection)
	}
}

// attend answers one connection until either side has had enough; what breaks here the load reports.
func (mock *mock) attend(connection net.Conn) {
	defer connection.Close()
	from, scratch := bufio.NewReaderSize(connection, bufferBytes), make([]byte, bufferBytes)
	var body []byte
	for {
		head, err := readHead(from)
		if err != nil {
			return
		}
		body = body[:0]
		if err := readBody(from, head, scratch, func(part []byte) { body = append(body, part...) }); err != nil {
			return
		}
		if err := mock.answer(connection, head, body); err != nil || head.closes {
			return
		}
	}
}

func (mock *mock) answer(to net.Conn, head head, body []byte) error {
	if bytes.HasPrefix(head.first, []byte("GET ")) {
		_, err := to.Write(answer(mock.told()))
		return err
	}
	mock.counts.requests.Add(1)
	mock.counts.bytes.Add(int64(len(body)))
	if mock.delay > 0 {
		time.Sleep(mock.delay)
	}
	if says(body, "stream") {
		return mock.stream(to, says(body, "include_usage"), says(body, "continuous_usage_stats"))
	}
	_, err := to.Write(mock.whole)
	return err
}

func (mock *mock) stream(to net.Conn, usage, running bool) error {
	mock.counts.streams.Add(1)
	if _, err := to.Write(mock.opening); err != nil {
		return err
	}
	word, begin := mock.word.own(), time.Now()
	if running {
		word = mock.running.own()
	}
	for number := range mock.events {
		time.Sleep(time.Until(begin.Add(time.Duration(number) * mock.every)))
		if _, err := to.Write(word.at(time.Now(), number+1)); err != nil {
			return err
		}
		mock.counts.events.Add(1)
	}
	end := bytes.Clone(mock.closing)
	if usage {
		end = append(end, mock.usage...)
	}
	end = append(end, chunk([]byte("data: [DONE]\n\n"))...)
	_, err := to.Write(append(end, lastChunk...))
	return err
}

// told is what GET answers on every path: what the mock has counted.
func (mock *mock) told() []byte {
	format := `{"requests":%d,"streams":%d,"events":%d,"bytes":%d}`
	counts := &mock.counts
	return fmt.Appendf(nil, format, counts.requests.Load(), counts.streams.Load(), counts.events.Load(), counts.bytes.Load())
}

// says looks for a field that is true; a body in which a text says so too is not sent here.
func says(body []byte, name string) bool {
	return bytes.Contains(body, []byte(`"`+name+`":true`)) || bytes.Contains(body, []byte(`"`+name+`": true`))
}
