package live

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/skyledger/skyledger/internal/vatsim"
)

const (
	statusOnline    = "online"
	statusObserving = "observing"
	facilityOBS     = 0
)

func positionOf(row *vatsim.Controller) Position {
	rating := ratingOf(row.Rating)
	position := Position{
		ID:       formatID(sessionID(vatsim.KindController, row.CID, row.Callsign, row.LogonTime)),
		Callsign: row.Callsign, Facility: facilityName(row.Facility), Position: row.Callsign,
		Status:       statusObserving,
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
			position.Status = statusOnline
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

// rating is what people call a controller's rating.
type rating struct {
	name, level string
	known       bool
}

// ratingOf names a rating as the feed's own table of ratings does.
func ratingOf(number int16) rating {
	switch number {
	case -1:
		return rating{"Inactive", "inactive", true}
	case 0:
		return rating{"Suspended", "suspended", true}
	case 1:
		return rating{"Observer", "observer", true}
	case 2:
		return rating{"Tower Trainee", "student", true}
	case 3:
		return rating{"Tower Controller", "student", true}
	case 4:
		return rating{"Senior Student", "student", true}
	case 5:
		return rating{"Enroute Controller", "controller", true}
	case 6:
		return rating{"Controller 2", "controller", true}
	case 7:
		return rating{"Senior Controller", "controller", true}
	case 8:
		return rating{"Instructor", "instructor", true}
	case 9:
		return rating{"Instructor 2", "instructor", true}
	case 10:
		return rating{"Senior Instructor", "instructor", true}
	case 11:
		return rating{"Supervisor", "supervisor", true}
	case 12:
		return rating{"Administrator", "administrator", true}
	default:
		return rating{"Unknown", "unknown", false}
	}
}

func (r rating) validation(number int16) RatingValidation {
	if r.known {
		return RatingValidation{IsValid: true}
	}
	reason := fmt.Sprintf("rating %d is not one of −1 to 12", number)
	return RatingValidation{Error: &reason}
}
