package query

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// AppendRow adds row i as a JSON object with the columns in their order.
func (a *Answer) AppendRow(to []byte, i int) []byte {
	to = append(to, '{')
	for n, column := range a.Columns {
		if n > 0 {
			to = append(to, ',')
		}
		to = append(appendText(to, column.Name), ':')
		to = column.kind.appendJSON(to, a.rows[i][n], column.wide)
	}
	return append(to, '}')
}

// AppendRows adds all rows as a JSON array.
func (a *Answer) AppendRows(to []byte) []byte {
	to = append(to, '[')
	for i := range a.rows {
		if i > 0 {
			to = append(to, ',')
		}
		to = a.AppendRow(to, i)
	}
	return append(to, ']')
}

// WriteNDJSON writes one object a line.
func (a *Answer) WriteNDJSON(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	var line []byte
	for i := range a.rows {
		line = append(a.AppendRow(line[:0], i), '\n')
		if _, err := buffered.Write(line); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// WriteCSV writes a line of names and one for each row; null is empty.
func (a *Answer) WriteCSV(w io.Writer) error {
	sheet := csv.NewWriter(w)
	if err := sheet.Write(a.names()); err != nil {
		return err
	}
	for i := range a.rows {
		if err := sheet.Write(a.texts(i)); err != nil {
			return err
		}
	}
	sheet.Flush()
	return sheet.Error()
}

// WriteTable writes aligned columns for people, numbers to the right, and a
// last line that says how many rows there are and what cut them.
func (a *Answer) WriteTable(w io.Writer) error {
	widths := make([]int, len(a.Columns))
	lines := make([][]string, 0, len(a.rows)+1)
	for i := -1; i < len(a.rows); i++ {
		line := a.names()
		if i >= 0 {
			line = a.texts(i)
		}
		for n := range line {
			line[n] = strings.Map(oneLine, line[n])
			widths[n] = max(widths[n], utf8.RuneCountInString(line[n]))
		}
		lines = append(lines, line)
	}
	buffered := bufio.NewWriter(w)
	for i, line := range lines {
		var written strings.Builder
		for n, text := range line {
			space := strings.Repeat(" ", widths[n]-utf8.RuneCountInString(text))
			if n > 0 {
				written.WriteString("  ")
			}
			if a.Columns[n].JSON == "number" {
				text, space = space, text
			}
			written.WriteString(text + space)
		}
		fmt.Fprintln(buffered, strings.TrimRight(written.String(), " "))
		if i == 0 {
			fmt.Fprintln(buffered, strings.Repeat("-", total(widths)))
		}
	}
	noun := "rows"
	if len(a.rows) == 1 {
		noun = "row"
	}
	fmt.Fprintf(buffered, "(%s %s%s)\n", rounded(float64(len(a.rows))), noun, a.more())
	return buffered.Flush()
}

func (a *Answer) more() string {
	if !a.Truncated {
		return ""
	}
	return ", cut by the limit on " + a.Cut + ": there are more"
}

func total(widths []int) int {
	sum := 2 * max(0, len(widths)-1)
	for _, width := range widths {
		sum += width
	}
	return sum
}

// oneLine keeps a value within its line and a terminal out of its control.
func oneLine(symbol rune) rune {
	if symbol < ' ' || symbol == 0x7f || symbol >= 0x80 && symbol < 0xa0 {
		return ' '
	}
	return symbol
}

func (a *Answer) names() []string {
	names := make([]string, len(a.Columns))
	for i, column := range a.Columns {
		names[i] = column.Name
	}
	return names
}

func (a *Answer) texts(i int) []string {
	line := make([]string, len(a.Columns))
	for n, value := range a.rows[i] {
		kind := a.Columns[n].kind
		if kind.element != nil && value != nil {
			line[n] = string(kind.appendArray(nil, string(value), a.Columns[n].wide))
			continue
		}
		line[n] = string(value)
	}
	return line
}
