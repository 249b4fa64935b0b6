package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision"
)

// fetchedSetting ignores what is installed; repositorySetting is read by package
// provision.
const (
	fetchedSetting    = "SKYLEDGER_FETCHED"
	repositorySetting = "MAVEN_REPOSITORY"
)

// parts are the servers everything stands on: given by DATABASE_URL and
// REDIS_URL, else started here, else another run's on the same directory.
type parts struct {
	DatabaseServer string `json:"database_server"` // URL of database postgres, or the given URL
	Given          bool   `json:"given"`           // the database is somebody's own choice
	RedisURL       string `json:"redis_url"`

	postgresKind, redisKind string
	postgresDir             string // where the cluster lies; empty when given
	postgres                *provision.PostgresServer
	redis                   *provision.RedisServer
	unlock                  func()
	note                    string // path of the file that tells other runs about us
}

// startParts locks the data directory and starts what is not given. A command
// that only reads may share the parts of a run that is going on.
func startParts(ctx context.Context, s session, share bool, logger *zap.Logger) (*parts, error) {
	data := s.options.data
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, fault.E("local.startParts", fault.Invalid, "data", err).
			WithMessage("The data directory " + data + " cannot be made: name another with --data.")
	}
	note := filepath.Join(data, "running.json")
	unlock, err := provision.Lock(filepath.Join(data, "lock"))
	if fault.ReasonOf(err) == "locked" {
		if share {
			return sharedParts(note)
		}
		return nil, fault.E("local.startParts", fault.Conflict, "locked", nil).
			WithMessage("Another run is using " + data + ": stop it, or name another directory with --data.")
	}
	if err != nil {
		return nil, err
	}
	p := &parts{unlock: unlock, note: note}
	if err := p.start(ctx, s, logger); err != nil {
		return nil, errors.Join(err, p.stop(context.WithoutCancel(ctx)))
	}
	content, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(note, content, 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, p.stop(context.WithoutCancel(ctx)))
	}
	return p, nil
}

// sharedParts are those of the run that holds the lock.
func sharedParts(note string) (*parts, error) {
	p := &parts{postgresKind: "of the run that is going on", redisKind: "of the run that is going on"}
	content, err := os.ReadFile(note)
	if err == nil {
		err = json.Unmarshal(content, p)
	}
	if err != nil {
		return nil, fault.E("local.sharedParts", fault.Unavailable, "note", err).
			WithMessage("Another run is starting on this directory: try again in a moment.")
	}
	return p, nil
}

func (p *parts) start(ctx context.Context, s session, logger *zap.Logger) error {
	fetchOnly := lookup(s.environ, fetchedSetting) == "1"
	if p.DatabaseServer = lookup(s.environ, "DATABASE_URL"); p.DatabaseServer != "" {
		p.Given, p.postgresKind = true, "given by DATABASE_URL"
	} else {
		server, err := provision.Postgres(ctx, provision.PostgresOptions{
			DataDir: filepath.Join(s.options.data, "postgres"), FetchOnly: fetchOnly, Logger: logger,
		})
		if err != nil {
			return err
		}
		p.postgres, p.postgresKind, p.DatabaseServer = server, server.Kind, server.URL("postgres")
		p.postgresDir = server.DataDir
	}
	if p.RedisURL = lookup(s.environ, "REDIS_URL"); p.RedisURL != "" {
		p.redisKind = "given by REDIS_URL"
		return nil
	}
	server, err := provision.Redis(ctx, provision.RedisOptions{
		DataDir: filepath.Join(s.options.data, "redis"), FetchOnly: fetchOnly, Logger: logger,
	})
	if err != nil {
		return err
	}
	p.redis, p.redisKind, p.RedisURL = server, server.Kind, server.URL()
	return nil
}

// database returns the URL of a source's database, making it if need be. A
// given DATABASE_URL is taken as it is: whoever gives it looks there, and a
// database that holds another source says so.
func (p *parts) database(ctx context.Context, name string) (string, error) {
	if p.Given {
		return p.DatabaseServer, nil
	}
	address, err := url.Parse(p.DatabaseServer)
	if err != nil {
		return "", fault.E("local.database", fault.Invalid, "settings", nil).WithMessage("DATABASE_URL is not a URL.")
	}
	address.Path = "/postgres"
	if err := provision.EnsureDatabase(ctx, address.String(), name); err != nil {
		return "", err
	}
	address.Path = "/" + name
	return address.String(), nil
}

// stop ends what was started here, within 9 s.
func (p *parts) stop(ctx context.Context) error {
	if p.unlock == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 9*time.Second)
	defer cancel()
	var failures []error
	if p.redis != nil {
		failures = append(failures, p.redis.Stop(ctx))
	}
	if p.postgres != nil {
		failures = append(failures, p.postgres.Stop(ctx))
	}
	if err := os.Remove(p.note); err != nil && !errors.Is(err, os.ErrNotExist) {
		failures = append(failures, err)
	}
	p.unlock()
	return errors.Join(failures...)
}

// lookup returns the value of a variable, the last one when it is there twice.
func lookup(environ []string, name string) string {
	value := ""
	for _, line := range environ {
		if key, text, ok := cut(line); ok && key == name {
			value = text
		}
	}
	return value
}
