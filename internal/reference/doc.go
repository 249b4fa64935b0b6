// Package reference knows the world that the network flies in: airports with
// their runways, countries and their regions, the flight information regions
// (FIRs) and their boundaries, and the regions that people ask by.
//
// Airports, runways, countries and regions are embedded (world.bin; SOURCES.txt
// beside it names where they come from and under which licences). FIRs and
// boundaries are VAT-Spy's, whose licence is CC BY-SA 4.0: they are never part
// of this program. A Refresher fetches them once a day from VATSIM's index or
// reads them from a directory, and keeps them in the database in versions; the
// last good one stays in force whatever happens. A Reader answers from what is
// in force, and from the embedded part alone where there is no database.
package reference
