package provision

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// The PostgreSQL majors the product works with.
const (
	oldestMajor = 15
	newestMajor = 17
)

// binaries is a directory of PostgreSQL programs.
type binaries struct {
	dir     string
	version string // "15.13"
	kind    string // "installed 15.13", "fetched 17.5.0"
}

func (b binaries) program(name string) string { return filepath.Join(b.dir, name) }

// has reports whether the server can load a library of that name, from where
// packages and fetched binaries keep them beside the programs.
func (b binaries) has(library string) bool {
	for _, dir := range []string{"../lib", "../lib/postgresql"} {
		found, _ := filepath.Glob(filepath.Join(b.dir, dir, library+".*"))
		if len(found) > 0 {
			return true
		}
	}
	return false
}

func (b binaries) major() int { return majorOf(b.version) }

func majorOf(version string) int {
	head, _, _ := strings.Cut(strings.TrimSpace(version), ".")
	major, _ := strconv.Atoi(head)
	return major
}

// findPostgres returns binaries of the major version (0: the newest we work
// with), installed if possible, else fetched into cache.
func findPostgres(ctx context.Context, logger *zap.Logger, major int, fetchOnly bool, cache string) (binaries, error) {
	const op = "provision.findPostgres"
	if !fetchOnly {
		if found, ok := installedPostgres(ctx, major); ok {
			return found, nil
		}
	}
	if fetched := majorOf(fetchedPostgresVersion); major != 0 && major != fetched {
		return binaries{}, fault.E(op, fault.Unavailable, "version", nil).WithMessage(
			"The data directory was made by PostgreSQL " + strconv.Itoa(major) + ", which is not installed any more.")
	}
	return fetchedPostgres(ctx, logger, cache)
}

// installedPostgres looks where packages put PostgreSQL, then on PATH (where
// links are followed to the directory that holds initdb beside postgres).
func installedPostgres(ctx context.Context, major int) (binaries, bool) {
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, _ := filepath.Glob(pattern)
		dirs = append(dirs, matches...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(resolved))
		}
	}
	var best binaries
	for _, dir := range dirs {
		version, ok := postgresVersion(ctx, dir)
		found := binaries{dir: dir, version: version, kind: "installed " + version}
		switch {
		case !ok, found.major() < oldestMajor, found.major() > newestMajor:
		case major != 0 && found.major() != major:
		case found.major() > best.major():
			best = found
		}
	}
	return best, best.dir != ""
}

// postgresVersion asks dir's postgres; false if it is not a full server.
func postgresVersion(ctx context.Context, dir string) (string, bool) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return "", false
	}
	fields := strings.Fields(string(output)) // postgres (PostgreSQL) 15.13 (Debian …)
	if len(fields) < 3 {
		return "", false
	}
	return fields[2], true
}

// fetchedPostgres returns the cached binaries, fetching them the first time.
func fetchedPostgres(ctx context.Context, logger *zap.Logger, cache string) (binaries, error) {
	dir := filepath.Join(cache, "postgresql-"+fetchedPostgresVersion)
	found := binaries{
		dir:     filepath.Join(dir, "bin"),
		version: strings.TrimSuffix(fetchedPostgresVersion, ".0"),
		kind:    "fetched " + fetchedPostgresVersion,
	}
	if _, err := os.Stat(found.program("initdb")); err == nil {
		return found, nil
	}
	wanted, ok := postgresArtifact()
	if !ok {
		return binaries{}, fault.E("provision.fetchedPostgres", fault.Unavailable, "platform", nil).
			WithMessage("No PostgreSQL is installed and there are no binaries to fetch for this platform: set DATABASE_URL.")
	}
	jar, err := fetch(ctx, logger, wanted, cache)
	if err != nil {
		return binaries{}, err
	}
	defer func() { _ = os.Remove(jar) }()
	if err := unpackPostgres(jar, dir); err != nil {
		return binaries{}, fault.E("provision.fetchedPostgres", fault.Unavailable, "unpack", err)
	}
	return found, nil
}
