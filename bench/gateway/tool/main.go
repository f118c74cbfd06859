// The tool of the gateway's bench: a backend that is played, and a load in an open loop that measures what it brings.
//
// Both speak HTTP/1.1 over plain sockets with code of their own, because the standard library's costs more than the
// gateway may: the tool has to show several times the rate of whatever stands between its two halves.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

func main() {
	// Whoever waits for the next moment holds one of these; the other one works, also on a single core.
	runtime.GOMAXPROCS(max(2, runtime.NumCPU()))
	// Memory is cheap here, and a pause would be taken for the gateway's.
	debug.SetGCPercent(400)
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("say what to be: mock or load; each has --help")
	}
	flags := flag.NewFlagSet(arguments[0], flag.ExitOnError)
	switch arguments[0] {
	case "mock":
		mock := mockFlags(flags)
		if err := flags.Parse(arguments[1:]); err != nil {
			return err
		}
		return mock.serve()
	case "load":
		load := loadFlags(flags)
		if err := flags.Parse(arguments[1:]); err != nil {
			return err
		}
		report, err := load.run()
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	return fmt.Errorf("%q is neither mock nor load", arguments[0])
}
