// Command gen makes ../world.bin, the world that is embedded, from airportsdata
// (PyPI) and OurAirports' runways.csv, countries.csv and regions.csv; see
// ../SOURCES.txt. Where a source is absent it says so and leaves the file as it
// is. The same sources make the same bytes.
package main

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string, said io.Writer) error {
	set := flag.NewFlagSet("gen", flag.ContinueOnError)
	airports := set.String("airports", "", "the wheel of airportsdata, or its airports.csv; `make sources` fetches it")
	others := set.String("ourairports", "", "folder of OurAirports' runways.csv, countries.csv and regions.csv")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() != 1 {
		return fmt.Errorf("usage: gen --airports FILE --ourairports DIR WORLD.BIN")
	}
	target := set.Arg(0)
	sources := []string{*airports}
	for _, name := range []string{"runways.csv", "countries.csv", "regions.csv"} {
		sources = append(sources, filepath.Join(*others, name))
	}
	for _, source := range sources {
		if _, err := os.Stat(source); os.IsNotExist(err) {
			fmt.Fprintf(said, "gen: %s is not here: %s stays as it is\n", source, target)
			return nil
		}
	}
	packed, err := pack(sources)
	if err != nil {
		return err
	}
	return os.WriteFile(target, packed, 0o644)
}

func pack(sources []string) ([]byte, error) {
	var tables []table
	for _, source := range sources {
		content, err := read(source)
		if err != nil {
			return nil, err
		}
		t, err := parse(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		tables = append(tables, t)
	}
	b := builder{airports: tables[0], runways: tables[1], countries: tables[2], regions: tables[3]}
	world, err := b.world()
	if err != nil {
		return nil, err
	}
	return world.Encode()
}

// read returns a file, or the airports within a wheel.
func read(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(path, ".whl") {
		return content, err
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	file, err := archive.Open("airportsdata/airports.csv")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// table is a CSV file with a line of names.
type table struct {
	columns map[string]int
	rows    [][]string
}

func parse(content []byte) (table, error) {
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		return table{}, err
	}
	if len(rows) < 2 {
		return table{}, fmt.Errorf("has no rows")
	}
	t := table{columns: map[string]int{}, rows: rows[1:]}
	for i, name := range rows[0] {
		t.columns[name] = i
	}
	return t, nil
}

// each calls do with a function that gives a row's cell by its column's name.
func (t table) each(do func(get func(name string) string)) {
	for _, row := range t.rows {
		do(func(name string) string {
			at, known := t.columns[name]
			if !known {
				return ""
			}
			return strings.Join(strings.Fields(row[at]), " ")
		})
	}
}
