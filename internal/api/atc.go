package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/live"
)

// PositionKeys are the original's keys beside the positions.
type PositionKeys struct {
	Total  int  `json:"total" doc:"connections that match, observers included"`
	Online int  `json:"online" doc:"of those, the ones on a frequency"`
	Cached bool `json:"cached" doc:"whether a cache answered"`
}

// ControllerRow is a member and what that member's connections are.
type ControllerRow struct {
	ControllerID          int                   `json:"controller_id" doc:"the member's number (cid)"`
	ControllerName        *string               `json:"controller_name" doc:"as the feed shows it now; kept nowhere else"`
	ControllerRating      int                   `json:"controller_rating" doc:"-1 to 12"`
	ControllerRatingName  string                `json:"controller_rating_name"`
	ControllerRatingLevel string                `json:"controller_rating_level"`
	RatingValidation      live.RatingValidation `json:"rating_validation"`
	Positions             []live.Position       `json:"positions" doc:"the member's connections"`
	TotalPositions        int                   `json:"total_positions"`
	Facilities            []string              `json:"facilities" doc:"of the connections, each once"`
	Frequencies           []string              `json:"frequencies" doc:"in MHz, each once"`
	LastSeen              *time.Time            `json:"last_seen" doc:"when one of the member's clients last reported"`
}

// ControllerKeys are the original's keys beside the controllers.
type ControllerKeys struct {
	TotalUniqueControllers int `json:"total_unique_controllers"`
	TotalPositions         int `json:"total_positions"`
}

// RatingRow is one rating of the network.
type RatingRow struct {
	Rating    int    `json:"rating"`
	ShortName string `json:"short_name"`
	Name      string `json:"name"`
	Level     string `json:"level"`
	Online    *int   `json:"online" doc:"controllers and observers connected with it now; null when nobody can tell"`
}

// RatingKeys are the original's keys beside the ratings.
type RatingKeys struct {
	Ratings        map[string]string `json:"ratings" doc:"names by number"`
	TotalRatings   int               `json:"total_ratings"`
	Description    string            `json:"description"`
	ValidRange     string            `json:"valid_range"`
	KnownRatings   []int             `json:"known_ratings"`
	UnknownRatings []int             `json:"unknown_ratings" doc:"ratings connected now that the network's table does not have"`
}

// ATC registers the operations of api-atc.
func ATC(s *service) {
	positions := List[live.Position]{Key: "positions", ID: "id", Keys: PositionKeys{}, Codes: callsignCode}
	o := Operation{
		Path: "/api/atc-positions", Summary: "Every controller's connection",
		Description: "A row's place is an antenna on its frequency, from the radio feed.",
		Example:     "/api/atc-positions?fields=callsign,frequency,controller_rating_name,lat,lon&sort=callsign&limit=3",
	}
	liveList(s, o, live.Positions, false, positions, func(answer *live.Answer) (Rows[live.Position], error) {
		rows, raw, err := answer.PositionRows()
		keys := func(matched []live.Position) any {
			return PositionKeys{Total: len(matched), Online: online(matched), Cached: answer.Cached()}
		}
		return Rows[live.Position]{All: rows, Raw: raw, Keys: keys}, err
	})
	list(s, Operation{
		Path: "/api/atc-positions/by-controller-id", Summary: "Controllers with their connections together",
		Example: "/api/atc-positions/by-controller-id?fields=controller_id,total_positions,facilities&sort=-total_positions&limit=3",
	}, List[ControllerRow]{Key: "atc_positions_by_controller_id", ID: "controller_id", Keys: ControllerKeys{}}, s.controllers)
	list(s, Operation{
		Path: "/api/vatsim/ratings", Summary: "The ratings of controllers, and how many of each are connected",
		Example: "/api/vatsim/ratings",
	}, List[RatingRow]{ID: "rating", Keys: RatingKeys{}, Timestamp: true}, s.ratings)
	s.duties()
	s.coverage()
	s.contacts()
}

// callsignCode is the airport or FIR that a position's callsign begins with,
// where no antenna says where it is: many divisions' callsigns, such as SY_GND,
// begin with neither.
func callsignCode(p *live.Position) []string {
	if p.Lat != nil && p.Lon != nil {
		return nil
	}
	code, _, _ := strings.Cut(p.Callsign, "_")
	return []string{code}
}

func online(positions []live.Position) int {
	count := 0
	for i := range positions {
		if positions[i].Status == live.StatusOnline {
			count++
		}
	}
	return count
}

type memberInput struct{ ListParams }

func (s *service) controllers(ctx context.Context, _ *memberInput) (Rows[ControllerRow], error) {
	answer, err := s.Live.Get(ctx, live.Positions, live.JSON)
	if err != nil {
		return Rows[ControllerRow]{}, err
	}
	positions, _, err := answer.PositionRows()
	return Rows[ControllerRow]{
		All: byController(positions), AsOf: answer.Snapshot, Snapshot: answer.Snapshot, Stale: answer.Stale,
		Keys: func(matched []ControllerRow) any {
			keys := ControllerKeys{TotalUniqueControllers: len(matched)}
			for i := range matched {
				keys.TotalPositions += matched[i].TotalPositions
			}
			return keys
		},
	}, err
}

// byController puts a member's connections together, in the order of their
// numbers. What a member is, the first connection says.
func byController(positions []live.Position) []ControllerRow {
	rows := []ControllerRow{}
	at := map[int]int{}
	for _, position := range positions {
		index, known := at[position.ControllerID]
		if !known {
			index = len(rows)
			at[position.ControllerID] = index
			rows = append(rows, ControllerRow{
				ControllerID: position.ControllerID, ControllerName: position.ControllerName,
				ControllerRating: position.ControllerRating, ControllerRatingName: position.ControllerRatingName,
				ControllerRatingLevel: position.ControllerRatingLevel, RatingValidation: position.RatingValidation,
				Facilities: []string{}, Frequencies: []string{},
			})
		}
		rows[index].add(position)
	}
	slices.SortFunc(rows, func(a, b ControllerRow) int { return cmp.Compare(a.ControllerID, b.ControllerID) })
	return rows
}

func (r *ControllerRow) add(position live.Position) {
	r.Positions = append(r.Positions, position)
	r.TotalPositions++
	if !slices.Contains(r.Facilities, position.Facility) {
		r.Facilities = append(r.Facilities, position.Facility)
	}
	if position.Frequency != nil && !slices.Contains(r.Frequencies, *position.Frequency) {
		r.Frequencies = append(r.Frequencies, *position.Frequency)
	}
	if seen := position.LastSeen; seen != nil && (r.LastSeen == nil || seen.After(*r.LastSeen)) {
		r.LastSeen = seen
	}
}

// ratings answers from the network's table; the counts beside it are unknown
// while nothing is recorded.
func (s *service) ratings(ctx context.Context, _ *memberInput) (Rows[RatingRow], error) {
	keys := RatingKeys{
		Ratings: map[string]string{}, KnownRatings: []int{}, UnknownRatings: []int{},
		Description: "VATSIM controller ratings", ValidRange: "-1 to 12",
	}
	rows := Rows[RatingRow]{Keys: func([]RatingRow) any { return keys }}
	counts, err := s.connectedByRating(ctx, &rows)
	if err != nil {
		s.note(ctx, err)
	}
	for _, rating := range live.Ratings() {
		row := RatingRow{Rating: rating.Number, ShortName: rating.Short, Name: rating.Name, Level: rating.Level}
		if err == nil {
			count := counts[rating.Number]
			row.Online = &count
		}
		delete(counts, rating.Number)
		keys.Ratings[itoa(rating.Number)] = rating.Name
		keys.KnownRatings = append(keys.KnownRatings, rating.Number)
		rows.All = append(rows.All, row)
	}
	keys.TotalRatings = len(rows.All)
	for number := range counts {
		keys.UnknownRatings = append(keys.UnknownRatings, number)
	}
	slices.Sort(keys.UnknownRatings)
	return rows, nil
}

// connectedByRating counts the connections of the live view and dates the rows.
func (s *service) connectedByRating(ctx context.Context, rows *Rows[RatingRow]) (map[int]int, error) {
	answer, err := s.Live.Get(ctx, live.Positions, live.JSON)
	if err != nil {
		rows.Stale = true
		return nil, err
	}
	positions, _, err := answer.PositionRows()
	counts := map[int]int{}
	for i := range positions {
		counts[positions[i].ControllerRating]++
	}
	rows.AsOf, rows.Snapshot, rows.Stale = answer.Snapshot, answer.Snapshot, answer.Stale
	return counts, err
}
