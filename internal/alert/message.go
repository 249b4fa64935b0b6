package alert

import (
	"fmt"
	"strconv"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// Message is what a receiver is told. Every attempt of a delivery says the same.
type Message struct {
	ID       string    `json:"id"`    // of the delivery: a receiver that has seen it has been told already
	Event    string    `json:"event"` // opened, reminder, ended, test
	At       time.Time `json:"at"`    // of the evaluation
	Text     string    `json:"text"`
	Severity string    `json:"severity"`
	Source   string    `json:"source,omitempty"` // of the data, when that is not the live network
	Alert    Subject   `json:"alert"`
}

// Subject is the alert that a message is about.
type Subject struct {
	ID        *string           `json:"id"` // null: a test
	Rule      string            `json:"rule"`
	Name      string            `json:"name"`
	Kind      string            `json:"kind"` // threshold, no_data
	Figure    string            `json:"figure"`
	Subject   string            `json:"subject"`
	Unit      string            `json:"unit"`
	Value     *float64          `json:"value"`
	Direction string            `json:"direction"`
	Threshold float64           `json:"threshold"`
	Clear     float64           `json:"clear"`
	Opened    time.Time         `json:"opened"`
	Ended     *time.Time        `json:"ended"`
	Outcome   *string           `json:"outcome"` // why it ended
	Detail    *string           `json:"detail"`
	Labels    map[string]string `json:"labels"`
}

// messageOf makes a delivery's message. source is "" for the live network.
func messageOf(d *store.AlertDelivery, source string) Message {
	a := &d.Alert
	m := Message{
		ID: strconv.FormatInt(d.ID, 10), Event: d.Event, At: d.At.UTC(), Severity: a.Severity, Text: text(d), Source: source,
		Alert: Subject{
			Rule: a.Rule, Name: a.RuleName, Kind: a.Kind, Figure: a.Figure, Subject: a.Subject, Unit: a.Unit, Value: d.Value,
			Direction: a.Direction, Threshold: a.Threshold, Clear: a.Clear, Opened: a.Opened.UTC(), Labels: a.Labels,
		},
	}
	if a.ID != 0 {
		id := strconv.FormatInt(a.ID, 10)
		m.Alert.ID = &id
	}
	if a.Detail != "" {
		m.Alert.Detail = &a.Detail
	}
	if d.Event == EventEnded {
		m.Alert.Ended, m.Alert.Outcome = &m.At, &d.Outcome
	}
	return m
}

// text is the message as one line for people.
func text(d *store.AlertDelivery) string {
	a := &d.Alert
	about := a.RuleName
	if a.Subject != "" && a.Subject != Network {
		about += " (" + a.Subject + ")"
	}
	figure := "the figure cannot be had"
	if d.Value != nil {
		figure = fmt.Sprintf("%s is %s, %s %s", a.Figure, quantity(*d.Value, ""), place(a, *d.Value), quantity(a.Threshold, a.Unit))
	}
	if a.Detail != "" {
		figure += "; " + a.Detail
	}
	switch d.Event {
	case EventTest:
		return "Test of the rule " + a.RuleName + ": if you read this, its alerts reach you."
	case EventEnded:
		return "Over: " + about + " after " + d.At.Sub(a.Opened).Truncate(time.Second).String() + ", " + endWords(d.Outcome)
	case EventReminder:
		return "Still: " + about + " for " + d.At.Sub(a.Opened).Truncate(time.Second).String() + ", " + figure
	}
	return about + ": " + figure
}

// place is where a value lies: one between the two levels is still reminded of.
func place(a *store.Alert, value float64) string {
	switch {
	case a.Direction == store.AlertAbove && value > a.Threshold:
		return "above"
	case a.Direction == store.AlertBelow && value < a.Threshold:
		return "below"
	default:
		return "no longer " + a.Direction
	}
}

func quantity(value float64, unit string) string {
	number := strconv.FormatFloat(value, 'f', -1, 64)
	if value != 0 && (value < 0.001 && value > -0.001) {
		number = strconv.FormatFloat(value, 'g', 3, 64)
	}
	if unit == "" {
		return number
	}
	return number + " " + unit
}

func endWords(outcome string) string {
	switch outcome {
	case EndCleared:
		return "back at the clear level"
	case EndData:
		return "the figure can be had again"
	case EndNoData:
		return "the figure cannot be had any more"
	case EndDisabled:
		return "the rule was disabled"
	default:
		return "the rule was changed"
	}
}
