package rawlog

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// CompactReport says what Compact did.
type CompactReport struct {
	Hours   int   // packed
	Records int   // in them
	Files   int   // loose files that went away
	Bytes   int64 // of the packed files' frames
	More    bool  // whether finished hours are left
}

// RemoveReport says what Remove did.
type RemoveReport struct {
	Hours int   // removed
	Bytes int64 // they took
	More  bool  // whether older hours are left
}

// settled is how long ago an hour must have ended before it is packed, where
// writers are not locked out: they look for a packed file only when an hour has
// ended, each by its own clock.
const settled = 5 * time.Minute

// Compact packs hours that ended at or before a time into one file each, the
// oldest first, at most limit of them (0: all). Frames are copied as they are:
// they hold what they need within their hour. Late records of an hour that is
// packed already are merged into it. Killed anywhere it loses and doubles
// nothing, and the next call goes on.
func (l *Log) Compact(ctx context.Context, before time.Time, limit int) (CompactReport, error) {
	var report CompactReport
	if latest := l.options.Clock().Add(-settled); l.storage.Conditional() && before.After(latest) {
		before = latest
	}
	hours, err := l.storage.Loose(ctx)
	if err != nil {
		return report, err
	}
	for _, hour := range hours {
		if hour.Add(time.Hour).After(before) {
			break
		}
		if limit > 0 && report.Hours == limit {
			report.More = true
			break
		}
		if err := l.compactHour(ctx, hour, &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

func (l *Log) compactHour(ctx context.Context, hour time.Time, report *CompactReport) error {
	const op = "rawlog.Compact"
	unlock, err := l.storage.Lock(ctx, hour)
	if err != nil {
		return err
	}
	defer unlock()
	// An index of its own: what is deleted below must be exactly what it read.
	h := &hourIndex{hour: hour}
	h.reset()
	if err := l.refresh(ctx, h); err != nil {
		return err
	}
	if err := l.checkTail(ctx, h); err != nil {
		return err
	}
	loose := h.loose()
	if len(loose) == 0 {
		return nil // another process was faster
	}
	if err := l.fill(ctx, h, minMicros, maxMicros); err != nil {
		return err
	}
	if needsPacking(h) {
		if err := l.repack(ctx, h); err != nil {
			return classify(op, err)
		}
	}
	for _, file := range loose {
		if err := l.storage.Delete(ctx, file.Name); err != nil {
			return err
		}
	}
	report.Hours++
	report.Records += len(h.slots)
	report.Files += len(loose)
	for _, s := range h.slots {
		report.Bytes += s.size
	}
	l.options.Logger.Debug("hour packed", zap.Time("hour", hour), zap.Int("records", len(h.slots)), zap.Int("files", len(loose)))
	return nil
}

// needsPacking says whether loose files hold anything that the packed file does
// not: they do not when a compaction was interrupted between the two.
func needsPacking(h *hourIndex) bool {
	packed := func(name string) bool { return h.files[name].Kind == Packed }
	for _, s := range h.slots {
		if !packed(s.file) {
			return true
		}
	}
	return slices.ContainsFunc(h.opaque, func(r region) bool { return !packed(r.file) })
}

// repack writes the hour's packed file and reads its index back before anything
// else goes away.
func (l *Log) repack(ctx context.Context, h *hourIndex) error {
	var previous File
	for _, file := range h.files {
		if file.Kind == Packed {
			previous = file
		}
	}
	slots, opaque := wholeSlots(h)
	err := l.storage.Pack(ctx, h.hour, previous, func(to io.Writer) error {
		return l.pack(ctx, to, slots, opaque)
	})
	if err != nil {
		return err
	}
	written := &hourIndex{hour: h.hour}
	written.reset()
	if err := l.refresh(ctx, written); err != nil {
		return err
	}
	for _, s := range slots {
		i, found := written.search(s.header.at)
		if !found || written.files[written.slots[i].file].Kind != Packed || written.slots[i].header != s.header {
			return errDamaged
		}
	}
	return nil
}

// wholeSlots returns the slots with a sound header, and with the opaque regions
// the files of those without.
func wholeSlots(h *hourIndex) ([]slot, []region) {
	var slots []slot
	opaque := slices.Clone(h.opaque)
	for _, s := range h.slots {
		if s.readable() {
			slots = append(slots, s)
		} else {
			opaque = append(opaque, region{file: s.file, offset: s.offset, size: s.size})
		}
	}
	return slots, opaque
}

// Remove deletes hours that ended at or before a time, the oldest first, at most
// limit of them (0: all). An hour that reaches past the time stays whole.
func (l *Log) Remove(ctx context.Context, before time.Time, limit int) (RemoveReport, error) {
	var report RemoveReport
	hours, err := l.hoursBetween(ctx, minMicros, before.Truncate(time.Hour).UnixMicro())
	if err != nil {
		return report, err
	}
	for _, hour := range hours {
		if hour.Add(time.Hour).After(before) {
			break
		}
		if limit > 0 && report.Hours == limit {
			report.More = true
			break
		}
		if err := l.removeHour(ctx, hour, &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

// removeHour deletes loose files before the packed one: their frames may need
// frames in it.
func (l *Log) removeHour(ctx context.Context, hour time.Time, report *RemoveReport) error {
	unlock, err := l.storage.Lock(ctx, hour)
	if err != nil {
		return err
	}
	defer unlock()
	files, err := l.storage.Files(ctx, hour)
	if err != nil {
		return err
	}
	for _, file := range slices.Backward(files) {
		if err := l.storage.Delete(ctx, file.Name); err != nil {
			return err
		}
		report.Bytes += file.Size
	}
	report.Hours++
	l.forget(l.hour(hour))
	return nil
}

// classify gives an error without a class one.
func classify(op string, err error) error {
	var classified *fault.Error
	if errors.As(err, &classified) {
		return err
	}
	if errors.Is(err, errDamaged) {
		return fault.E(op, fault.Internal, "damaged", err)
	}
	return err
}
