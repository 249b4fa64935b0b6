package evaluate

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/skyledger/skyledger/internal/traffic"
)

// Result is how well the Tracker did. A share is null where nothing was asked.
type Result struct {
	Kinds   map[string]*Score `json:"kinds"` // takeoff, landing, go_around, touch_and_go, diversion
	Runways Runways           `json:"runways"`
	Flights Flights           `json:"flights"`
	Misses  []Miss            `json:"misses"`
	// TimeError is of all that matched and whose true time is known.
	TimeError *TimeError `json:"time_error,omitempty"`
	Run       *Run       `json:"run,omitempty"` // of a simulated world
}

// Score is how one kind of movement was found. Found are those that could be
// judged: matched, or made up.
type Score struct {
	Expected  int      `json:"expected"`
	Found     int      `json:"found"`
	Matched   int      `json:"matched"`
	Recall    *float64 `json:"recall"`
	Precision *float64 `json:"precision"`
	Unjudged  int      `json:"unjudged"` // found where no label says whether they are true
}

// Runways is how often the runway was right, of those whose truth is known.
type Runways struct {
	Expected int      `json:"expected"`
	Right    int      `json:"right"`
	Accuracy *float64 `json:"accuracy"`
}

// Flights is how many flights were put together as they were flown.
type Flights struct {
	Expected int `json:"expected"`
	Right    int `json:"right"`
}

// TimeError is in seconds.
type TimeError struct {
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
}

// Run is what was simulated.
type Run struct {
	Aircraft int `json:"aircraft"`
	Ticks    int `json:"ticks"`
	Lost     int `json:"lost"`
}

// Miss is one thing that was not as it should be.
type Miss struct {
	Kind  string    `json:"kind"`  // a kind of movement, "runway" or "flight"
	Wrong string    `json:"wrong"` // "missed", "made up", or what was found instead
	Where string    `json:"where"` // file and report, or callsign and cid
	At    time.Time `json:"at"`
	Note  string    `json:"note,omitempty"`
}

// kindNames are in the order of the table.
func kindNames() []string {
	return []string{"takeoff", "landing", "go_around", "touch_and_go", "diversion"}
}

func nameOf(kind traffic.Kind) string {
	return kindNames()[[...]int{0, 0, 1, 2, 3, 4}[kind]]
}

func newResult() *Result {
	r := &Result{Kinds: map[string]*Score{}, Misses: []Miss{}}
	for _, name := range kindNames() {
		r.Kinds[name] = &Score{}
	}
	return r
}

// finish works out the shares and puts the misses in order.
func (r *Result) finish(errors []float64) {
	for _, s := range r.Kinds {
		s.Found += s.Matched
		s.Recall, s.Precision = share(s.Matched, s.Expected), share(s.Matched, s.Found)
	}
	r.Runways.Accuracy = share(r.Runways.Right, r.Runways.Expected)
	slices.SortStableFunc(r.Misses, func(a, b Miss) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.At.Compare(b.At), cmp.Compare(a.Where, b.Where))
	})
	if len(errors) > 0 {
		slices.Sort(errors)
		r.TimeError = &TimeError{Median: errors[(len(errors)-1)/2], P95: errors[(len(errors)-1)*95/100]}
	}
}

func share(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	value := float64(part) / float64(whole)
	return &value
}

// Write prints the result for people.
func (r *Result) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "movement\texpected\tfound\tmatched\trecall\tprecision\tnot judged")
	for _, name := range kindNames() {
		s := r.Kinds[name]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t%d\n", name, s.Expected, s.Found, s.Matched, percent(s.Recall), percent(s.Precision), s.Unjudged)
	}
	fmt.Fprintf(table, "\nrunways right\t%d of %d\t%s\n", r.Runways.Right, r.Runways.Expected, percent(r.Runways.Accuracy))
	fmt.Fprintf(table, "flights right\t%d of %d\t%s\n", r.Flights.Right, r.Flights.Expected, percent(share(r.Flights.Right, r.Flights.Expected)))
	if r.TimeError != nil {
		fmt.Fprintf(table, "time error\tmedian %.1f s\t95 %% within %.1f s\n", r.TimeError.Median, r.TimeError.P95)
	}
	if r.Run != nil {
		fmt.Fprintf(table, "simulated\t%d aircraft\t%d ticks, %d lost\n", r.Run.Aircraft, r.Run.Ticks, r.Run.Lost)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(r.Misses) == 0 {
		_, err := fmt.Fprintln(w, "\nNothing was missed or made up.")
		return err
	}
	fmt.Fprintln(w, "\nMissed or made up:")
	for _, m := range r.Misses {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", m.Kind, m.Wrong, m.Where, m.At.Format("2006-01-02 15:04:05"), m.Note)
	}
	return table.Flush()
}

func percent(share *float64) string {
	if share == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", 100**share)
}
