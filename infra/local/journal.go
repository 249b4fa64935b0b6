package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/skyledger/skyledger/internal/telemetry"
)

// journalLimit is the size, in bytes, at which the functions' log is put aside;
// one old one is kept.
const journalLimit = 64 << 20

// journal is the file that the functions' JSON lines go to.
type journal struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
}

func openJournal(path string) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	j := &journal{path: path}
	return j, j.open()
}

func (j *journal) open() error {
	file, err := os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	j.file, j.size = file, info.Size()
	return nil
}

// Write appends a line, to a new file when this one is full.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size > journalLimit {
		j.file.Close()
		if err := os.Rename(j.path, j.path+".1"); err != nil {
			return 0, err
		}
		if err := j.open(); err != nil {
			return 0, err
		}
	}
	n, err := j.file.Write(line)
	j.size += int64(n)
	return n, err
}

func (j *journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file.Close()
}

// newLogger writes everything to the journal, and problems also for people: at
// most a few of the same kind a second, for a fault repeats itself.
func newLogger(to io.Writer, people io.Writer, level string) (*zap.Logger, error) {
	logger, err := telemetry.NewLogger(to, level)
	if err != nil {
		return nil, err
	}
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewTee(core, peopleCore(people, zapcore.ErrorLevel))
	})), nil
}

// startLogger says to people what happens before the journal is there: that
// something is being fetched, for example.
func startLogger(people io.Writer) *zap.Logger { return zap.New(peopleCore(people, zapcore.InfoLevel)) }

func peopleCore(w io.Writer, level zapcore.Level) zapcore.Core {
	encoder := zap.NewDevelopmentEncoderConfig()
	encoder.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
	encoder.EncodeLevel = zapcore.LowercaseLevelEncoder
	encoder.CallerKey, encoder.StacktraceKey = "", ""
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(encoder), zapcore.Lock(zapcore.AddSync(w)), level)
	return zapcore.NewSamplerWithOptions(core, 10*time.Second, 3, 100)
}

// cut splits NAME=value; an empty value counts as not set.
func cut(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, "=")
	return name, value, ok && value != ""
}
