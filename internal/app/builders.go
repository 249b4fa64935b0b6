package app

// Builders are the functions' builders by their names in the manifest.
func Builders() map[string]Build {
	return map[string]Build{
		"migrate": Migrate,
		"ingest":  Ingest,
		"cleanup": Cleanup,

		"api-status":  APIStatus,
		"api-atc":     APIATC,
		"api-flights": APIFlights,
	}
}
