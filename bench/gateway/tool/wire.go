package main

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
)

const bufferBytes = 64 << 10

// head is what counts of the first lines of a request or an answer. Its first line is valid until the next read.
type head struct {
	first   []byte
	length  int
	chunked bool
	closes  bool
	events  bool
}

func readHead(from *bufio.Reader) (head, error) {
	found := head{length: -1}
	line, err := readLine(from)
	if err != nil {
		return found, err
	}
	found.first = bytes.Clone(line)
	for {
		line, err := readLine(from)
		if err != nil {
			return found, err
		}
		if len(line) == 0 {
			return found, nil
		}
		if err := found.take(line); err != nil {
			return found, err
		}
	}
}

func (found *head) take(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("content-length")):
		length, err := strconv.Atoi(string(value))
		if err != nil {
			return fmt.Errorf("content-length: %w", err)
		}
		found.length = length
	case bytes.EqualFold(name, []byte("transfer-encoding")):
		found.chunked = bytes.EqualFold(value, []byte("chunked"))
	case bytes.EqualFold(name, []byte("connection")):
		found.closes = bytes.EqualFold(value, []byte("close"))
	case bytes.EqualFold(name, []byte("content-type")):
		found.events = bytes.HasPrefix(value, []byte("text/event-stream"))
	}
	return nil
}

func (found *head) status() int {
	// "HTTP/1.1 200 OK"
	if len(found.first) < 12 || !bytes.HasPrefix(found.first, []byte("HTTP/1.")) {
		return 0
	}
	status, _ := strconv.Atoi(string(found.first[9:12]))
	return status
}

func readLine(from *bufio.Reader) ([]byte, error) {
	line, err := from.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// readBody gives each piece of the body to `take`, which must not keep it.
func readBody(from *bufio.Reader, head head, scratch []byte, take func([]byte)) error {
	if !head.chunked {
		return readBytes(from, max(head.length, 0), scratch, take)
	}
	for {
		line, err := readLine(from)
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil || size < 0 {
			return fmt.Errorf("the length of a chunk is %q", line)
		}
		if err := readBytes(from, int(size), scratch, take); err != nil {
			return err
		}
		if _, err := from.Discard(2); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}

func readBytes(from *bufio.Reader, count int, scratch []byte, take func([]byte)) error {
	for count > 0 {
		part := scratch[:min(count, len(scratch))]
		read, err := from.Read(part)
		if read == 0 && err != nil {
			return err
		}
		take(part[:read])
		count -= read
	}
	return nil
}

// chunk frames data as one piece of a chunked body.
func chunk(data []byte) []byte {
	return fmt.Appendf(nil, "%x\r\n%s\r\n", len(data), data)
}

var lastChunk = []byte("0\r\n\r\n")
