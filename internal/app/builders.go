package app

import "github.com/skyledger/skyledger/internal/manifest"

// Builders are the functions' builders by their names in the manifest, each
// with account kept of what its handler does.
func Builders() map[string]Build {
	builders := map[string]Build{
		"migrate": Migrate,
		"ingest":  Ingest,
		"cleanup": Cleanup,

		"analyze":   Analyze,
		"reference": Reference,

		"api-status":      APIStatus,
		"api-atc":         APIATC,
		"api-flights":     APIFlights,
		"api-traffic":     APITraffic,
		"api-airports":    APIAirports,
		"api-alerts":      APIAlerts,
		"api-database":    APIDatabase,
		"api-performance": APIPerformance,
	}
	for _, function := range manifest.Functions() {
		if build := builders[function.Name]; build != nil {
			builders[function.Name] = observed(function, build)
		}
	}
	return builders
}
