package main

import (
	"context"
	"fmt"
	"time"

	"github.com/skyledger/skyledger/infra/local/cloud"
	"github.com/skyledger/skyledger/internal/feedserver"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/recorded"
)

// feed is a source at work: its clock, and the address it is served at.
type feed struct {
	clock    *cloud.Clock
	settings []string // FEED_… for the functions; none for the live feed
	end      time.Time
	skip     func(time.Time) time.Time
	summary  string // for the banner
	// advance writes down what truly happened until a time; nil when nobody knows.
	advance func(time.Time) error

	server *feedserver.Server
}

// open makes the source ready: a recording is indexed.
func (s *source) open(progress func(done, total int)) error {
	if s.Kind != "recorded" {
		return nil
	}
	folder, err := recorded.Open(s.Dir, recorded.WithProgress(progress))
	s.folder = folder
	return err
}

// startFeed sets the clock and serves the source over HTTP. newest is the
// newest tick the database knows: a run that was stopped goes on behind it.
func startFeed(ctx context.Context, s source, chosen options, newest time.Time) (*feed, error) {
	switch s.Kind {
	case "live":
		return &feed{clock: cloud.WallClock(), summary: "the network itself"}, nil
	case "recorded":
		return startRecorded(ctx, s, chosen.speed, newest)
	default:
		return startSimulated(ctx, s, s.home(chosen.data), chosen.speed, newest)
	}
}

func startRecorded(_ context.Context, s source, speed float64, newest time.Time) (*feed, error) {
	times := s.folder.Times()
	first, last := times[0], times[len(times)-1]
	begin := tickAfter(first)
	if resume := newest.Add(projection.TickLength); !newest.IsZero() && resume.After(begin) {
		begin = resume
	}
	clock := cloud.ClockAt(begin, speed)
	f := &feed{
		clock: clock, end: tickAfter(last), skip: skipGaps(times),
		summary: fmt.Sprintf("%d snapshots, %s to %s UTC%s%s", s.folder.Len(),
			first.Format("2006-01-02 15:04:05"), last.Format("2006-01-02 15:04:05"), speedText(speed), passedOver(s.folder)),
	}
	return f, f.serve(recorded.NewSource(s.folder, clock.Now))
}

// passedOver says which files of a folder are not served, and why.
func passedOver(folder *recorded.Folder) string {
	// More would drown what the banner says.
	const most = 3
	text := ""
	if n := folder.Duplicates(); n > 0 {
		text += fmt.Sprintf("; %d repeat another's moment", n)
	}
	skipped := folder.Skipped()
	if len(skipped) == 0 {
		return text
	}
	text += fmt.Sprintf("; %d skipped:", len(skipped))
	for _, file := range skipped[:min(most, len(skipped))] {
		text += " " + file.Path + " (" + file.Reason + ")"
	}
	if len(skipped) > most {
		text += " …"
	}
	return text
}

// serve starts the HTTP server and points the functions to it.
func (f *feed) serve(from feedserver.Source) error {
	f.server = feedserver.New(from, feedserver.Options{Now: f.clock.Now})
	if err := f.server.Start("127.0.0.1:0"); err != nil {
		return err
	}
	base := f.server.URL()
	f.settings = []string{
		"FEED_STATUS_URL=" + f.server.StatusURL(),
		"FEED_NETWORK_URL=" + base + feedserver.NetworkPath,
		"FEED_TRANSCEIVERS_URL=" + base + feedserver.TransceiversPath,
	}
	return nil
}

// close ends the server.
func (f *feed) close() error {
	if f == nil || f.server == nil {
		return nil
	}
	return f.server.Close()
}

func speedText(speed float64) string {
	switch speed {
	case 0:
		return ", as fast as it goes"
	case 1:
		return ", at its own pace"
	default:
		return fmt.Sprintf(", %g times as fast", speed)
	}
}
