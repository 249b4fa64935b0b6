package simulator

//go:generate go run ./gen ../../../shared/data/reference/runways.csv airports.csv
