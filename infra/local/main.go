package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/skyledger/skyledger/internal/fault"
)

// command is one thing this program does.
type command struct {
	name    string
	summary string
	run     func(context.Context, session) error
	details string // how it is used, of a command that takes arguments
}

// session is what a command is given.
type session struct {
	options options
	environ []string
	in      io.Reader
	out     io.Writer // for people
	// complaints take what is said beside a result that may go to a file.
	complaints io.Writer
}

// commands are all there are; the first is what runs when none is named.
func commands() []command {
	return []command{
		{name: "run", summary: "record and serve until Ctrl-C (what happens without a command)", run: record},
		{name: "rebuild", summary: "compute every derived table again from the log and swap it in", run: rebuildTables},
		{name: "verify", summary: "count the log's rows independently and check the invariants", run: verifyTables},
		{name: "query", summary: "run one statement of SQL over the views: query --help", run: runStatement, details: statementDetails},
		{name: "url", summary: "print the address of the database of the run that is going on: psql \"$(... url)\"", run: printURL},
		{name: "evaluate", summary: "measure how well flights and movements are found: evaluate --help", run: evaluateTracker, details: evaluateDetails},
		{name: "keys", summary: "add, list and revoke keys of the API: keys --help", run: manageKeys, details: keysDetails},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The second signal ends the process at once; its servers end with it.
	context.AfterFunc(ctx, stop)
	os.Exit(start(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// start runs the command that the arguments name and returns the exit status:
// 2 for wrong arguments or settings, 1 for everything else that failed.
func start(ctx context.Context, arguments, environ []string, out, complaints io.Writer) int {
	chosen, name, err := parse(arguments)
	switch {
	case errors.Is(err, flag.ErrHelp):
		help(out, name)
		return 0
	case err != nil:
		fmt.Fprintln(complaints, err)
		fmt.Fprintln(complaints, "Run it with help to see what there is.")
		return 2
	}
	for _, command := range commands() {
		if command.name != name {
			continue
		}
		if err := command.run(ctx, session{options: chosen, environ: environ, in: os.Stdin, out: out, complaints: complaints}); err != nil {
			fmt.Fprintln(complaints, sentence(err))
			return status(err)
		}
		return 0
	}
	fmt.Fprintf(complaints, "There is no command %q. Run it with help to see what there is.\n", name)
	return 2
}

// sentence is what people read of an error: what it says to them, and the
// cause behind it, for here they are the operators as well.
func sentence(err error) string {
	var classified *fault.Error
	if errors.As(err, &classified) && classified.Message != "" {
		if classified.Reason == refusedReason {
			return classified.Message // the cause is the message
		}
		return classified.Message + "\n  " + err.Error()
	}
	return err.Error()
}

func status(err error) int {
	if fault.Is(err, fault.Invalid) {
		return 2
	}
	return 1
}
