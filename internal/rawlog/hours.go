package rawlog

import (
	"context"
	"iter"
	"slices"
	"time"
)

// hoursBetween lists the hours that may hold records from ≤ at < to, ascending.
func (l *Log) hoursBetween(ctx context.Context, from, to int64) ([]time.Time, error) {
	if from >= to {
		return nil, nil
	}
	loose, err := l.storage.Loose(ctx)
	if err != nil {
		return nil, err
	}
	days, err := l.storage.Days(ctx)
	if err != nil {
		return nil, err
	}
	hours := loose
	for _, day := range days {
		if day.UnixMicro() >= to || day.Add(24*time.Hour).UnixMicro() <= from {
			continue
		}
		packed, err := l.storage.Packed(ctx, day)
		if err != nil {
			return nil, err
		}
		hours = append(hours, packed...)
	}
	hours = slices.DeleteFunc(hours, func(hour time.Time) bool {
		return hour.UnixMicro() >= to || hour.Add(time.Hour).UnixMicro() <= from
	})
	slices.SortFunc(hours, time.Time.Compare)
	return slices.CompactFunc(hours, time.Time.Equal), nil
}

// backwards yields the hours that may hold records at or before a limit, the
// newest first. It tries the limit's own hour before it lists anything.
func (l *Log) backwards(ctx context.Context, limit int64) iter.Seq2[*hourIndex, error] {
	return func(yield func(*hourIndex, error) bool) {
		tried := time.Time{}
		if limit <= l.options.Clock().Add(time.Hour).UnixMicro() {
			tried = hourOf(limit)
			if !yield(l.hour(tried), nil) {
				return
			}
		}
		loose, err := l.storage.Loose(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		days, err := l.storage.Days(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, hour := range loose {
			days = append(days, hour.Truncate(24*time.Hour))
		}
		slices.SortFunc(days, time.Time.Compare)
		for _, day := range slices.Backward(slices.CompactFunc(days, time.Time.Equal)) {
			if day.UnixMicro() > limit {
				continue
			}
			hours, err := l.hoursOfDay(ctx, day, loose)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, hour := range slices.Backward(hours) {
				if hour.UnixMicro() > limit || hour.Equal(tried) {
					continue
				}
				if !yield(l.hour(hour), nil) {
					return
				}
			}
		}
	}
}

func (l *Log) hoursOfDay(ctx context.Context, day time.Time, loose []time.Time) ([]time.Time, error) {
	hours, err := l.storage.Packed(ctx, day)
	if err != nil {
		return nil, err
	}
	for _, hour := range loose {
		if hour.Truncate(24 * time.Hour).Equal(day) {
			hours = append(hours, hour)
		}
	}
	slices.SortFunc(hours, time.Time.Compare)
	return slices.CompactFunc(hours, time.Time.Equal), nil
}
