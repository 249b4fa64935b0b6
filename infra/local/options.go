package main

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/fault"
)

// defaultAircraft is how many aircraft a simulation has when nobody says: a
// quiet evening on the network.
const defaultAircraft = 1000

// options are the flags, the same for every command.
type options struct {
	source   sourceFlag
	speed    float64 // times the wall's pace; 0 is as fast as it goes
	listen   string
	data     string
	untilEnd bool
	// reference is the folder of VAT-Spy's files; empty asks VATSIM's index.
	reference string

	arguments []string // what follows a command that takes some
	scope     string   // of a new key
	expires   time.Duration
	format    string // of query's rows: table, csv, json, ndjson; empty is table
	evaluate  evaluation
}

// sourceFlag is --source, taken apart.
type sourceFlag struct {
	kind     string // "live", "simulated", "recorded"; empty when not given
	aircraft int    // of a simulation
	dir      string // of a recording
}

// parse reads the flags, which may stand before and after the command.
func parse(arguments []string) (options, string, error) {
	chosen := options{speed: 1}
	set := flag.NewFlagSet("local", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Func("source", "", func(text string) (err error) { chosen.source, err = parseSource(text); return err })
	set.Func("speed", "", func(text string) (err error) { chosen.speed, err = parseSpeed(text); return err })
	set.StringVar(&chosen.listen, "listen", "127.0.0.1:8080", "")
	set.StringVar(&chosen.data, "data", "", "")
	set.BoolVar(&chosen.untilEnd, "until-end", false, "")
	set.StringVar(&chosen.reference, "reference", "", "")
	set.StringVar(&chosen.scope, "scope", "", "")
	set.DurationVar(&chosen.expires, "expires", 0, "")
	set.StringVar(&chosen.format, "format", "", "")
	chosen.evaluate.flags(set)

	name := ""
	for rest := arguments; ; rest = set.Args()[1:] {
		if err := set.Parse(rest); err != nil {
			return options{}, name, err
		}
		if set.NArg() == 0 {
			break
		}
		switch {
		case name == "":
			name = set.Arg(0)
		case takesArguments(name):
			chosen.arguments = append(chosen.arguments, set.Arg(0))
		default:
			return options{}, "", fmt.Errorf("after %q there is %q too much", name, set.Arg(0))
		}
	}
	switch name {
	case "help":
		return options{}, "", flag.ErrHelp
	case "":
		name = "run"
	}
	if chosen.data == "" {
		chosen.data = defaultData(os.Getuid(), os.Getenv("XDG_DATA_HOME"), os.UserHomeDir)
	}
	absolute, err := filepath.Abs(chosen.data)
	if err != nil {
		return options{}, "", err
	}
	chosen.data = absolute
	if chosen.reference != "" {
		if chosen.reference, err = filepath.Abs(chosen.reference); err != nil {
			return options{}, "", err
		}
	}
	return chosen, name, chosen.check(name)
}

func takesArguments(name string) bool {
	return slices.ContainsFunc(commands(), func(c command) bool { return c.name == name && c.details != "" })
}

func (o options) check(name string) error {
	if name != "keys" && (o.scope != "" || o.expires != 0) {
		return fmt.Errorf("--scope and --expires are of keys add")
	}
	if name != "evaluate" && o.evaluate != (evaluation{}) {
		return fmt.Errorf("--tracks, --simulated, --minutes, --lose, --seed and --json are of evaluate")
	}
	if o.format != "" && (name != "query" || !slices.Contains(statementFormats(), o.format)) {
		return fmt.Errorf("--format is of query, and one of %s", strings.Join(statementFormats(), ", "))
	}
	if o.untilEnd && o.source.kind != "recorded" {
		return fmt.Errorf("--until-end needs a source that ends: --source recorded:DIR")
	}
	if o.reference != "" {
		for _, file := range []string{"VATSpy.dat", "Boundaries.geojson"} {
			if _, err := os.Stat(filepath.Join(o.reference, file)); err != nil {
				return fmt.Errorf("--reference needs a folder with VATSpy.dat and Boundaries.geojson: %w", err)
			}
		}
	}
	if o.speed != 1 && (o.source.kind == "live" || o.source.kind == "") {
		return fmt.Errorf("--speed needs --source simulated or recorded:DIR: the live feed has its own pace")
	}
	return nil
}

func parseSource(text string) (sourceFlag, error) {
	kind, detail, detailed := strings.Cut(text, ":")
	switch {
	case kind == "live" && !detailed:
		return sourceFlag{kind: kind}, nil
	case kind == "simulated" && !detailed:
		return sourceFlag{kind: kind, aircraft: defaultAircraft}, nil
	case kind == "simulated":
		aircraft, err := strconv.Atoi(detail)
		if err != nil || aircraft < 1 || aircraft > 100_000 {
			return sourceFlag{}, fmt.Errorf("%q is not a number of aircraft from 1 to 100000", detail)
		}
		return sourceFlag{kind: kind, aircraft: aircraft}, nil
	case kind == "recorded" && detail != "":
		return sourceFlag{kind: kind, dir: detail}, nil
	}
	return sourceFlag{}, fmt.Errorf("want live, simulated, simulated:AIRCRAFT or recorded:DIR")
}

func parseSpeed(text string) (float64, error) {
	if text == "max" {
		return 0, nil
	}
	speed, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !(speed >= 0.1 && speed <= 10_000) {
		return 0, fmt.Errorf("want a number from 0.1 to 10000, or max")
	}
	return speed, nil
}

// defaultData is where things lie when nobody says.
func defaultData(uid int, dataHome string, home func() (string, error)) string {
	if uid == 0 {
		return "/var/lib/skyledger"
	}
	if filepath.IsAbs(dataHome) {
		return filepath.Join(dataHome, "skyledger")
	}
	dir, err := home()
	if err != nil {
		return "skyledger-data"
	}
	return filepath.Join(dir, ".local", "share", "skyledger")
}

// help prints how a command that takes arguments is used; else the commands,
// the flags and every setting.
func help(w io.Writer, name string) {
	for _, command := range commands() {
		if command.name == name && command.details != "" {
			fmt.Fprint(w, command.details)
			return
		}
	}
	fmt.Fprint(w, "Skyledger records the VATSIM network and answers what it knows, all in one process.\n\nCommands:\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, command := range commands() {
		fmt.Fprintf(table, "  %s\t%s\n", command.name, command.summary)
	}
	fmt.Fprint(table, "  help\tthis text\n")
	table.Flush()
	fmt.Fprint(w, "\nFlags, the same for every command:\n")
	for _, line := range [][2]string{
		{"--source live", "the network itself; without --source this is tried, and simulated when it cannot be reached"},
		{"--source simulated[:AIRCRAFT]", fmt.Sprintf("traffic that is made up, %d aircraft unless told otherwise", defaultAircraft)},
		{"--source recorded:DIR", "a folder of snapshots (.json, .json.gz, .json.zst, in any naming and nesting)"},
		{"--speed N|max", "times the real pace, for simulated and recorded (default 1)"},
		{"--reference DIR", "folder with VAT-Spy's VATSpy.dat and Boundaries.geojson, instead of VATSIM's index"},
		{"--until-end", "stop when a recorded folder is done, print a summary"},
		{"--listen ADDRESS", "of the HTTP API (default 127.0.0.1:8080)"},
		{"--data DIR", "where databases and logs lie (default " + defaultData(os.Getuid(), os.Getenv("XDG_DATA_HOME"), os.UserHomeDir) + ")"},
	} {
		fmt.Fprintf(table, "  %s\t%s\n", line[0], line[1])
	}
	table.Flush()
	fmt.Fprint(w, "\nrebuild, verify, query, url and keys take the source that ran last unless --source names another.\n")
	fmt.Fprint(w, "\nSettings, from the environment (name, default, unit, meaning):\n")
	settings := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, setting := range append(config.Describe(), localSettings()...) {
		fmt.Fprintf(settings, "  %s\t%s\t%s\t%s\n", setting.Name, setting.Default, setting.Unit, setting.Help)
	}
	settings.Flush()
}

// loadSettings reads the functions' settings and checks this program's own as
// well. Its error names every one that is wrong.
func loadSettings(environ []string) (config.Config, error) {
	loaded, err := config.Load(environ)
	const heading = "these settings are wrong:"
	lines := []string{heading}
	if err != nil {
		lines[0] = err.Error() // begins with the heading
	}
	if text := lookup(environ, fetchedSetting); text != "" && text != "0" && text != "1" {
		lines = append(lines, fmt.Sprintf("  %s: %q is neither 1 nor 0", fetchedSetting, text))
	}
	if text := lookup(environ, repositorySetting); text != "" {
		if address, err := url.Parse(text); err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
			lines = append(lines, "  "+repositorySetting+": not a URL that starts with http:// or https://")
		}
	}
	if message := strings.Join(lines, "\n"); message != heading {
		return config.Config{}, fault.E("local.loadSettings", fault.Invalid, "settings", nil).WithMessage(message)
	}
	return loaded, nil
}

// localSettings are those only this program reads.
func localSettings() []config.Setting {
	return []config.Setting{
		{Name: fetchedSetting, Default: "0", Help: "1 starts fetched PostgreSQL and Redis even where others are installed"},
		{Name: repositorySetting, Unit: "URL", Help: "repository that PostgreSQL and Redis are fetched from when none is installed"},
	}
}
