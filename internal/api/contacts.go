package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// contactSpan is what one request may ask of everybody's contacts; whose
// contacts are asked for may ask for a month.
func contactSpan() spanRule { return spanRule{usual: time.Hour, longest: 24 * time.Hour} }

type contactsInput struct {
	ListParams
	SpanParams
	Callsign string `query:"callsign" maxLength:"20" doc:"the pilot's"`
	CID      int64  `query:"cid" minimum:"0" maximum:"2147483647" doc:"the pilot's number"`
	Flight   string `query:"flight" pattern:"^([0-9]{1,19})?$" doc:"a flight's id"`
	Position string `query:"position" maxLength:"20" doc:"the controller's callsign, with or without the part that says which half"`
	Online   bool   `query:"online" doc:"those alone that go on"`
}

// ContactRow is one aircraft on one controller's frequency and in range.
type ContactRow struct {
	Callsign     string     `json:"callsign" doc:"the pilot's"`
	CID          int        `json:"cid" doc:"the pilot's number"`
	FlightID     string     `json:"flight_id" doc:"see /api/flights/{id}"`
	Controller   string     `json:"controller" doc:"the controller's callsign"`
	ControllerID int        `json:"controller_id" doc:"the controller's number (cid)"`
	Facility     string     `json:"facility" enum:"FSS,DEL,GND,TWR,APP,CTR"`
	Session      string     `json:"session" doc:"id of the controller's row in /api/controllers/sessions"`
	Frequency    string     `json:"frequency" doc:"what the pilot's radio was tuned to when it began, MHz with three decimals"`
	Since        time.Time  `json:"since" doc:"first snapshot"`
	Until        *time.Time `json:"until" doc:"last snapshot; null while it goes on, and for up to a minute after"`
	DurationS    float64    `json:"duration_s" doc:"from since to until, or to the newest analysed snapshot"`
}

func (s *service) contacts() {
	list(s, Operation{
		Path: "/api/atc/contacts", Summary: "Which aircraft was on which controller's frequency",
		Description: "On the frequency within 5 kHz and in range of where the controller's radios stand: DEL, GND and TWR 15 NM, APP and DEP 60, CTR 400, FSS 1,000. " +
			"UNICOM 122.800 is none. Pilots' frequencies come from the radio feed: without it there are no contacts. " +
			"Off for at most a minute is the same contact. At most 24 hours, or 31 days of one callsign, cid, flight or position.",
		Example: "/api/atc/contacts?hours=24&fields=callsign,controller,frequency,since,until&limit=3",
	}, List[ContactRow]{}, s.contactRows)
}

func (s *service) contactRows(ctx context.Context, input *contactsInput) (Rows[ContactRow], error) {
	rule := contactSpan()
	if input.Callsign != "" || input.CID > 0 || input.Flight != "" || input.Position != "" {
		rule.longest = 31 * 24 * time.Hour
	}
	span, err := s.span(ctx, &input.SpanParams, rule)
	if err != nil {
		return Rows[ContactRow]{}, err
	}
	query := store.ContactQuery{
		From: span.from, To: span.to, CID: int32(input.CID), Callsign: capitals(input.Callsign), Position: capitals(input.Position), Open: input.Online,
		Limit: input.Limit + 1, // one more says whether there is another page
	}
	if input.Flight != "" {
		if query.FlightID, err = strconv.ParseInt(input.Flight, 10, 64); err != nil {
			return Rows[ContactRow]{}, invalid(ctx, "flight", input.Flight, "must be a flight's id")
		}
	}
	rows := Rows[ContactRow]{Paged: input.Sort == ""}
	if !rows.Paged {
		query.Limit = mostContacts + 1
	} else if query.After, err = contactAfter(input.Cursor); err != nil {
		return rows, invalid(ctx, "cursor", input.Cursor, err.Error())
	}
	if rows.AsOf, err = s.Controllers.AnalyzedTo(ctx); err != nil {
		return rows, err
	}
	rows.Snapshot, rows.Stale = rows.AsOf, s.behind(rows.AsOf, span.to)
	found, err := s.Controllers.Contacts(ctx, query)
	if err != nil {
		return rows, err
	}
	if !rows.Paged && len(found) > mostContacts {
		return rows, invalid(ctx, "sort", input.Sort, "there are more than "+itoa(mostContacts)+" contacts to sort: ask for a shorter span, or page in the order of since")
	}
	if rows.Paged && len(found) > input.Limit {
		found = found[:input.Limit]
		last := &found[len(found)-1]
		if rows.Next, err = contactCursor(last); err != nil {
			return rows, err
		}
	}
	for i := range found {
		rows.All = append(rows.All, contactRow(&found[i], rows.AsOf))
	}
	return rows, nil
}

// mostContacts is how many are sorted for one answer.
const mostContacts = 100_000

// contactCursor is the cursor of the page that follows a row.
func contactCursor(last *store.ContactRow) (string, error) {
	return keysetCursor("", last.Since, strings.Join([]string{strconv.FormatInt(last.DutyID, 10), itoa(int(last.CID)), last.Callsign}, " "))
}

func contactAfter(text string) (key store.ContactKey, err error) {
	at, rest, err := afterKeyset(text, "")
	if err != nil || text == "" {
		return key, err
	}
	parts := strings.SplitN(rest, " ", 3)
	if len(parts) != 3 {
		return key, errNotACursor
	}
	duty, dutyErr := strconv.ParseInt(parts[0], 10, 64)
	cid, cidErr := strconv.ParseInt(parts[1], 10, 32)
	if dutyErr != nil || cidErr != nil {
		return key, errNotACursor
	}
	return store.ContactKey{Since: at, DutyID: duty, CID: int32(cid), Callsign: parts[2]}, nil
}

func contactRow(c *store.ContactRow, analyzed time.Time) ContactRow {
	row := ContactRow{
		Callsign: c.Callsign, CID: int(c.CID), FlightID: strconv.FormatInt(c.FlightID, 10), Controller: c.Controller, ControllerID: int(c.ControllerCID),
		Facility: facilityOf(c.Facility), Session: strconv.FormatInt(c.DutyID, 10), Frequency: megahertz(c.Frequency), Since: c.Since.UTC(), Until: utc(c.Until),
	}
	until := c.Until
	if until.IsZero() {
		until = analyzed
	}
	row.DurationS = max(0, until.Sub(c.Since).Seconds())
	return row
}
