package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

const (
	fetchTimeout  = 5 * time.Minute // 15 MB at 50 kB/s
	fetchAttempts = 3
)

// errRefused says that asking again will not help.
var errRefused = errors.New("not to be had")

// fetch brings the artifact to a file of its own in dir and returns the path.
// The caller removes it. The content is what the pinned checksum says or
// there is no file.
func fetch(ctx context.Context, logger *zap.Logger, wanted artifact, dir string) (string, error) {
	const op = "provision.fetch"
	base := repository()
	if base == "" {
		return "", fault.E(op, fault.Unavailable, "no_repository", nil).
			WithMessage("No repository to fetch " + wanted.name + " from: set MAVEN_REPOSITORY.")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fault.E(op, fault.Unavailable, "cache", err)
	}
	logger.Info("fetching", zap.String("what", wanted.name), zap.Int64("bytes", wanted.size))
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()

	var failures error
	for attempt := range fetchAttempts {
		if attempt > 0 {
			if err := pause(ctx, time.Duration(attempt)*2*time.Second); err != nil {
				break
			}
		}
		path, err := fetchOnce(ctx, logger, base+"/"+wanted.path, wanted, dir)
		if err == nil {
			return path, nil
		}
		failures = errors.Join(failures, err)
		if errors.Is(err, errRefused) {
			break
		}
	}
	return "", fault.E(op, fault.Unavailable, "fetch_failed", failures).
		WithMessage(wanted.name + " could not be fetched.")
}

func fetchOnce(ctx context.Context, logger *zap.Logger, url string, wanted artifact, dir string) (path string, err error) {
	client := &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		DisableKeepAlives:     true,
		DisableCompression:    true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		err := fmt.Errorf("the repository answered %s", response.Status)
		if response.StatusCode < 500 && response.StatusCode != http.StatusTooManyRequests {
			err = fmt.Errorf("%w: %w", errRefused, err)
		}
		return "", err
	}

	file, err := os.CreateTemp(dir, ".fetch-")
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	sum := sha256.New()
	progress := &progressLog{logger: logger, name: wanted.name, total: wanted.size, next: time.Now().Add(5 * time.Second)}
	limited := io.LimitReader(response.Body, wanted.size+1)
	written, err := io.Copy(io.MultiWriter(file, sum, progress), limited)
	if err != nil {
		return "", err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); written != wanted.size || got != wanted.sha256 {
		return "", fmt.Errorf("%w: %s is not the file we know: %d bytes, sha256 %s",
			errRefused, filepath.Base(wanted.path), written, got)
	}
	return file.Name(), nil
}

// progressLog says every few seconds how far a download is.
type progressLog struct {
	logger      *zap.Logger
	name        string
	done, total int64 // bytes
	next        time.Time
}

func (p *progressLog) Write(data []byte) (int, error) {
	p.done += int64(len(data))
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(5 * time.Second)
		p.logger.Info("fetching", zap.String("what", p.name), zap.Int64("percent", 100*p.done/p.total))
	}
	return len(data), nil
}

// pause waits for d or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
