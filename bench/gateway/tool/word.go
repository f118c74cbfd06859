package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Counts beside a word are as wide as this, with blanks in front.
const countWidth = 9

// word is one event of a stream: when it was sent stands in it, and what was used so far where that was asked for.
type word struct {
	event []byte
	// Where these begin; 0 where there is none.
	stampAt, completionAt, totalAt int
}

func newWord(start, choice string, length int, running bool) word {
	usage, blanks := "", strings.Repeat(" ", countWidth)
	if running {
		usage = strings.ReplaceAll(`,"usage":`+usageOf, "%d", blanks)
	}
	stamp := strings.Repeat("0", stampDigits)
	empty := start + fmt.Sprintf(choice, `{"content":"`+stamp+`"}`, "null") + "]}\n\n"
	filled := stamp + strings.Repeat("~", max(0, length-len(empty)))
	event := chunk([]byte(strings.TrimSuffix(strings.Replace(empty, stamp, filled, 1), "}\n\n") + usage + "}\n\n"))
	made := word{event: event, stampAt: bytes.Index(event, []byte(stamp))}
	if running {
		made.completionAt = bytes.Index(event, []byte(blanks))
		made.totalAt = bytes.LastIndex(event, []byte(blanks))
	}
	return made
}

// at is the event with this number, in the memory of the one before it.
func (word *word) at(now time.Time, number int) []byte {
	copy(word.event[word.stampAt:], fmt.Appendf(nil, "%019d", now.UnixNano()))
	if word.completionAt > 0 {
		copy(word.event[word.completionAt:], fmt.Appendf(nil, "%*d", countWidth, number))
		copy(word.event[word.totalAt:], fmt.Appendf(nil, "%*d", countWidth, number+promptTokens))
	}
	return word.event
}

// own is the same word for one stream alone.
func (word word) own() *word {
	word.event = bytes.Clone(word.event)
	return &word
}
