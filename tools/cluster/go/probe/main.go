// probe is the static program that test pods run: a small HTTP server, a client, a resolver and two file verbs.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: probe VERB
  serve [--port N] [--root FOLDER]   GET / answers the host name, /files/PATH a file below the folder, /healthz ok
  get URL                            print the body; 1 when there is no 200 within 5 s
  lookup NAME [SERVER]               print the addresses of a name, asked of the given server
  write PATH TEXT | cat PATH         write or print a file
  sleep                              wait for SIGTERM`

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	run, known := map[string]func([]string) error{
		"serve": serve, "get": get, "lookup": lookup, "write": write, "cat": cat, "sleep": sleep,
	}[os.Args[1]]
	if !known {
		fail(usage)
	}
	if err := run(os.Args[2:]); err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}

func untilTold() context.Context {
	told, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	return told
}

func option(arguments []string, name, fallback string) string {
	for i := 0; i+1 < len(arguments); i++ {
		if arguments[i] == name {
			return arguments[i+1]
		}
	}
	return fallback
}

func serve(arguments []string) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	answers := http.NewServeMux()
	answers.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, name) })
	answers.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	files := http.FileServer(http.Dir(option(arguments, "--root", "/")))
	answers.Handle("GET /files/", http.StripPrefix("/files/", files))
	server := &http.Server{
		Addr: ":" + option(arguments, "--port", "8080"), Handler: logged(answers), ReadHeaderTimeout: 5 * time.Second,
	}
	told := untilTold()
	go func() {
		<-told.Done()
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(limit)
	}()
	fmt.Println("listening on", server.Addr)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		next.ServeHTTP(w, r)
	})
}

func get(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("usage: probe get URL")
	}
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(arguments[0])
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", arguments[0], answer.Status)
	}
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}

func lookup(arguments []string) error {
	if len(arguments) < 1 || len(arguments) > 2 {
		return fmt.Errorf("usage: probe lookup NAME [SERVER]")
	}
	resolver := net.DefaultResolver
	if len(arguments) == 2 {
		server := net.JoinHostPort(arguments[1], "53")
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server)
		}}
	}
	limit, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	addresses, err := resolver.LookupHost(limit, arguments[0])
	if err != nil {
		return err
	}
	fmt.Println(strings.Join(addresses, "\n"))
	return nil
}

func write(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: probe write PATH TEXT")
	}
	return os.WriteFile(arguments[0], []byte(arguments[1]), 0o644)
}

func cat(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("usage: probe cat PATH")
	}
	content, err := os.ReadFile(arguments[0])
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(content)
	return err
}

func sleep([]string) error {
	<-untilTold().Done()
	return nil
}
