package reference

import "github.com/skyledger/skyledger/internal/store"

// rows are the embedded part as the database keeps it.
func (w *World) rows() store.World {
	rows := store.World{Hash: w.Hash()}
	for _, c := range w.countries {
		rows.Countries = append(rows.Countries, store.WorldCountry(c))
	}
	for _, s := range w.regions {
		rows.Regions = append(rows.Regions, store.WorldRegion(s))
	}
	for i := range w.airports {
		a := &w.airports[i]
		rows.Airports = append(rows.Airports, store.WorldAirport{
			ICAO: a.ICAO, IATA: a.IATA, Name: a.Name, City: a.City, Country: a.Country, Region: a.Region, TZ: a.TZ,
			Lat: a.Lat, Lon: a.Lon, ElevationFt: a.ElevationFt,
		})
		for number, r := range w.RunwaysOf(a) {
			rows.Runways = append(rows.Runways, store.WorldRunway{
				ICAO: r.Airport, No: int16(number + 1), LengthFt: positive(r.LengthFt), WidthFt: positive(r.WidthFt),
				Surface: r.Surface, Lighted: r.Lighted, Closed: r.Closed, LowIdent: r.Low.Ident, HighIdent: r.High.Ident,
				Low: endRow(&r.Low), High: endRow(&r.High),
			})
		}
	}
	return rows
}

func endRow(e *RunwayEnd) store.WorldRunwayEnd {
	row := store.WorldRunwayEnd{DisplacedFt: e.DisplacedFt}
	if e.Placed {
		lat, lon := e.Lat, e.Lon
		row.Lat, row.Lon = &lat, &lon
	}
	if e.Heading >= 0 {
		heading := e.Heading
		row.Heading = &heading
	}
	return row
}

// positive is a measure, or nil for 0, which stands for "not known".
func positive(value int) *int {
	if value == 0 {
		return nil
	}
	return &value
}
