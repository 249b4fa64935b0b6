package provision

import (
	"os"
	"runtime"
)

// artifact is a file of the repository. The checksums are pinned because what
// is fetched is then executed: whoever controls the repository, a proxy or
// the wire must not choose what runs here.
type artifact struct {
	name   string // for people
	path   string // below the repository's address
	sha256 string
	size   int64 // bytes
	member string
}

const fetchedPostgresVersion = "17.5.0"

// postgresArtifact returns the archive of PostgreSQL's binaries for this
// platform: a jar (zip) that holds one .txz.
func postgresArtifact() (artifact, bool) {
	platform := runtime.GOOS + "-" + runtime.GOARCH
	if runtime.GOARCH == "arm64" {
		platform += "v8"
	}
	if _, err := os.Stat("/etc/alpine-release"); err == nil && runtime.GOOS == "linux" {
		platform += "-alpine"
	}
	known := map[string]artifact{
		"linux-amd64":        {size: 14873955, sha256: "646f3269075d1a23904127374e3cdbcef96beb32979fedee25d835877400fcbe"},
		"linux-arm64v8":      {size: 13868789, sha256: "e02f27ff50ff2d90b6541d54f3f108505aacd84ea53c2890e976a684bfea2752"},
		"linux-amd64-alpine": {size: 14221621, sha256: "7122386c7f7a089568f05720ada63448093d4065abbc0a89e6dc660851a53e3c"},
		"darwin-amd64":       {size: 30411500, sha256: "fb70f783928e77c3d6ef5ca8ed644f1ac502f740fcfc032a375c8347820f2bdd"},
		"darwin-arm64v8":     {size: 30398732, sha256: "e9d3398e10c2ec926395498b03e75ad1a24eeaed82895e756a7e173b202cf6de"},
	}
	found, ok := known[platform]
	base := "embedded-postgres-binaries-" + platform
	found.name = "PostgreSQL " + fetchedPostgresVersion
	found.path = "io/zonky/test/postgres/" + base + "/" + fetchedPostgresVersion + "/" + base + "-" + fetchedPostgresVersion + ".jar"
	return found, ok
}

// redisArtifact returns the jar that holds redis-server for this platform
// among others, and the version inside.
func redisArtifact() (artifact, string, bool) {
	members := map[string]struct{ member, version string }{
		"linux-amd64":  {"redis-server-6.2.6-v5-linux-amd64", "6.2.6"},
		"linux-arm64":  {"redis-server-6.2.7-linux-arm64", "6.2.7"},
		"darwin-amd64": {"redis-server-6.2.6-v5-darwin-amd64", "6.2.6"},
		"darwin-arm64": {"redis-server-6.2.6-v5-darwin-arm64", "6.2.6"},
	}
	found, ok := members[runtime.GOOS+"-"+runtime.GOARCH]
	return artifact{
		name:   "Redis " + found.version,
		path:   "com/github/codemonstur/embedded-redis/1.4.3/embedded-redis-1.4.3.jar",
		size:   11953653,
		sha256: "ffbc63265c60d25dee453d6f656b527d98200d98657c6a0ab4dec4ea2c3a5cd6",
		member: found.member,
	}, found.version, ok
}
