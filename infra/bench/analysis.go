package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// analysisTicks hold two checkpoints: what they cost is in the mean.
const analysisTicks = warmUp + 80

// measureAnalysis records ticks and analyses each, by turns.
func measureAnalysis(ctx context.Context, set settings) (rows []Row, err error) {
	b, err := newBench(ctx, set.aircraft)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	url, err := b.database(ctx, "analysis")
	if err != nil {
		return nil, err
	}
	parts, err := newRecorder(ctx, b.feed.StatusURL(), url, filepath.Join(b.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, parts.close()) }()
	if err := loadPlaces(ctx, parts.store, set.places); err != nil {
		return nil, err
	}
	plain, err := newPlainTable(ctx, url)
	if err != nil {
		return nil, err
	}
	defer plain.conn.Close(ctx)

	var ticks, analyses, analysisWAL, copyWAL []float64
	for n := range analysisTicks {
		at := epoch.Add(time.Duration(n)*projection.TickLength + time.Second)
		if err := b.show(ctx, at); err != nil {
			return nil, err
		}
		var projected bool
		tick, _, err := plain.measure(ctx, func() (err error) { projected, err = parts.tick(ctx, at); return err })
		if err != nil {
			return nil, fmt.Errorf("tick %d: %w", n, err)
		}
		analysis, analysisBytes, err := plain.measure(ctx, func() error { return parts.analyze(ctx) })
		if err != nil {
			return nil, fmt.Errorf("analysis of tick %d: %w", n, err)
		}
		if !projected || n < warmUp {
			continue
		}
		text, err := plainRows(b.scene.current.Network)
		if err != nil {
			return nil, err
		}
		_, copied, err := plain.measure(ctx, func() error { return plain.copy(ctx, text) })
		if err != nil {
			return nil, err
		}
		ticks, analyses = append(ticks, tick), append(analyses, analysis)
		analysisWAL, copyWAL = append(analysisWAL, analysisBytes), append(copyWAL, copied)
	}
	measured := float64(len(ticks))
	const kB = 1000
	return []Row{
		newRow(fmt.Sprintf("analyze a tick, %d aircraft, with checkpoints", set.aircraft), sum(analyses)/measured, "ms", sum(ticks)/measured, "the ingest of it, ms", 1),
		newRow("WAL of an analysed tick, with checkpoints", sum(analysisWAL)/measured/kB, "kB", sum(copyWAL)/measured/kB, "\\copy of its positions, kB", 0.5),
	}, nil
}

// loadPlaces brings VAT-Spy's files into force where they are at hand.
func loadPlaces(ctx context.Context, database *store.Store, dir string) error {
	if _, err := os.Stat(dir); err != nil {
		fmt.Fprintln(os.Stderr, "      no reference data: sectors cost nothing here")
		return nil
	}
	refresher := reference.NewRefresher(reference.RefresherOptions{
		World: reference.Embedded, Keeper: database, Source: reference.NewDirectory(dir),
		Clock: time.Now, Logger: zap.NewNop(), Metrics: telemetry.NewMetrics(zap.NewNop(), "bench", time.Now),
	})
	_, err := refresher.Run(ctx)
	return err
}
