// Package evaluate is the yardstick of flights and movements: it runs tracks of
// which people wrote down what happened, or a simulated world that writes down
// what it flew, through the product's own Tracker, and counts what was found,
// missed and made up.
//
// Tracks are files track*.csv, one pilot's reports every few minutes, with
// labels_events.csv and labels_flights.csv beside them. A row without a callsign
// says that the pilot was not online. Two sets of columns are known: the one of
// the header line, and one without positions (see readRow); rows of the second
// are placed where there is no airport, so that altitude and speed alone decide.
//
// What counts:
//
//   - An event is labelled with the first report that shows it: it lies between
//     the report before and that one. A movement found matches when its own
//     bracket touches that one's.
//   - A movement without a label is made up when it lies in a labelled test case
//     (rows of the same test_class), and there either on a report that a row
//     covers or in a case that labels events of its kind. Elsewhere nobody said
//     that nothing happened.
//   - Rows with test_state ignored are weaker: they neither ask for anything nor
//     say that nothing happened.
//   - No label tells of go-arounds and diversions: they are found and not judged,
//     unless a label names one.
//   - Every row of labels_flights.csv and every active row with a flight_status
//     is a label of a stitched flight: see flights.go.
package evaluate
