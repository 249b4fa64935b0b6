package live

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/skyledger/skyledger/internal/vatsim"
)

// The status of a position.
const (
	StatusOnline    = "online"    // on a frequency
	StatusObserving = "observing" // an observer, or no frequency is set
)

const facilityOBS = 0

func positionOf(row *vatsim.Controller) Position {
	rating := ratingOf(row.Rating)
	position := Position{
		ID:       formatID(sessionID(vatsim.KindController, row.CID, row.Callsign, row.LogonTime)),
		Callsign: row.Callsign, Facility: facilityName(row.Facility), Position: row.Callsign,
		Status:       StatusObserving,
		ControllerID: int(row.CID), ControllerName: text(row.Name),
		ControllerRating: int(row.Rating), ControllerRatingName: rating.name, ControllerRatingLevel: rating.level,
		RatingValidation: rating.validation(row.Rating),
		LastSeen:         utc(row.LastUpdated),
	}
	if at := strings.LastIndexByte(row.Callsign, '_'); at >= 0 && at+1 < len(row.Callsign) {
		position.Position = row.Callsign[at+1:]
	}
	if row.Frequency > 0 {
		position.Frequency = text(fmt.Sprintf("%d.%03d", row.Frequency/1000, row.Frequency%1000))
		if row.Facility != facilityOBS {
			position.Status = StatusOnline
		}
	}
	return position
}

// facilityName returns the short name that the feed's own table of facilities
// gives, or the number of one that came later.
func facilityName(facility int16) string {
	names := [...]string{"OBS", "FSS", "DEL", "GND", "TWR", "APP", "CTR"}
	if facility >= 0 && int(facility) < len(names) {
		return names[facility]
	}
	return strconv.Itoa(int(facility))
}

// Rating is one of the network's ratings of controllers.
type Rating struct {
	Number             int
	Short, Name, Level string
}

// Ratings returns the feed's own table of ratings, in order, with the names
// and levels that people know them by.
func Ratings() []Rating {
	return []Rating{
		{-1, "INAC", "Inactive", "inactive"},
		{0, "SUS", "Suspended", "suspended"},
		{1, "OBS", "Observer", "observer"},
		{2, "S1", "Tower Trainee", "student"},
		{3, "S2", "Tower Controller", "student"},
		{4, "S3", "Senior Student", "student"},
		{5, "C1", "Enroute Controller", "controller"},
		{6, "C2", "Controller 2", "controller"},
		{7, "C3", "Senior Controller", "controller"},
		{8, "I1", "Instructor", "instructor"},
		{9, "I2", "Instructor 2", "instructor"},
		{10, "I3", "Senior Instructor", "instructor"},
		{11, "SUP", "Supervisor", "supervisor"},
		{12, "ADM", "Administrator", "administrator"},
	}
}

// rating is what a controller's row says of the rating.
type rating struct {
	name, level string
	known       bool
}

func ratingOf(number int16) rating {
	all := Ratings()
	if at := int(number) - all[0].Number; at >= 0 && at < len(all) {
		return rating{all[at].Name, all[at].Level, true}
	}
	return rating{"Unknown", "unknown", false}
}

func (r rating) validation(number int16) RatingValidation {
	if r.known {
		return RatingValidation{IsValid: true}
	}
	reason := fmt.Sprintf("rating %d is not one of −1 to 12", number)
	return RatingValidation{Error: &reason}
}
