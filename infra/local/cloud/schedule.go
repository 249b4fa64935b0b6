package cloud

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/zap"
)

// Schedule sends EventBridge's scheduled event to a function at a rate.
type Schedule struct {
	Function *Function
	Every    time.Duration // the rate; events come at its multiples
	Retries  int           // of a failed event
	MaxAge   time.Duration // an event that waited longer is dropped; 0: never
	AtStart  bool          // send one at once as well
	// Skip moves a time out of a stretch that nothing is to be done in; nil
	// skips nothing.
	Skip func(time.Time) time.Time

	agenda *Agenda
	logger *zap.Logger
}

// retryDelay is EventBridge's first wait before it sends a failed event again.
const retryDelay = time.Minute

// scheduledEvent is what EventBridge sends.
type scheduledEvent struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"`
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
	Detail     struct{} `json:"detail"`
}

// Start puts the schedule on the agenda.
func (s Schedule) Start(agenda *Agenda, logger *zap.Logger) {
	s.agenda, s.logger = agenda, logger
	now := agenda.Clock.Now()
	first := now.Truncate(s.Every)
	if first.Before(now) {
		first = first.Add(s.Every)
	}
	if s.AtStart && first.After(now) {
		agenda.At(now, func(ctx context.Context) { s.send(ctx, now, newID(), 0) })
	}
	s.at(first)
}

// Once sends one event now, out of turn, and no other.
func (s Schedule) Once(agenda *Agenda, logger *zap.Logger) {
	s.agenda, s.logger = agenda, logger
	now := agenda.Clock.Now()
	agenda.At(now, func(ctx context.Context) { s.send(ctx, now, newID(), 0) })
}

// at has the event of a time sent, and the next one planned first: a function
// that takes longer than its rate does not hold it up.
func (s Schedule) at(due time.Time) {
	if s.Skip != nil {
		if moved := s.Skip(due); moved.After(due) {
			due = moved.Truncate(s.Every)
		}
	}
	s.agenda.At(due, func(ctx context.Context) {
		s.at(due.Add(s.Every))
		s.send(ctx, due, newID(), 0)
	})
}

// send waits for a free slot of the function and sends the event unless it has
// become too old meanwhile.
func (s Schedule) send(ctx context.Context, at time.Time, id string, attempt int) {
	release, err := s.Function.slot(ctx)
	if err != nil {
		return // we are stopping
	}
	if age := s.agenda.Clock.Now().Sub(at); s.MaxAge > 0 && age > s.MaxAge {
		release()
		s.logger.Warn("scheduled event dropped, it waited too long",
			zap.String("function", s.Function.Name), zap.Time("event", at), zap.Duration("age", age))
		return
	}
	_, err = s.Function.call(ctx, id, s.event(at, id))
	release()
	if err != nil && attempt < s.Retries && ctx.Err() == nil {
		s.agenda.At(s.agenda.Clock.Now().Add(retryDelay), func(ctx context.Context) { s.send(ctx, at, id, attempt+1) })
	}
}

func (s Schedule) event(at time.Time, id string) []byte {
	payload, err := json.Marshal(scheduledEvent{
		Version: "0", ID: id, DetailType: "Scheduled Event", Source: "aws.events",
		Account: accountID, Region: region, Time: at.UTC().Truncate(time.Second).Format(time.RFC3339),
		Resources: []string{arn("events", "rule/skyledger-"+s.Function.Name)},
	})
	if err != nil {
		panic(err) // strings always marshal
	}
	return payload
}
