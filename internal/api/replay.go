package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/skyledger/skyledger/internal/fault"
)

// settledAfter is when a moment's answer no longer changes: snapshots that come
// late come within minutes.
const settledAfter = time.Hour

type replayInput struct {
	At          string `query:"at" doc:"the moment; RFC 3339, epoch seconds or milliseconds; now when not given"`
	IfNoneMatch string `header:"If-None-Match" hidden:"true"`
}

type replayOutput struct {
	Status       int
	ContentType  string `header:"Content-Type"`
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Snapshot     string `header:"X-Snapshot" doc:"update_timestamp of the body"`
	Source       string `header:"X-Source" doc:"where the body comes from, when that is not the live network"`
	Body         []byte
}

func (s *service) replay() {
	o := Operation{
		Path: "/api/replay/vatsim-data.json", Summary: "The newest snapshot not after a moment, byte for byte as received",
		Description: "What comes back is VATSIM's feed of that moment, so that a tool made for the feed can watch a past event. Its fields are the feed's.",
	}
	operation := o.huma(s)
	operation.Responses["200"] = &huma.Response{Description: o.Summary, Content: map[string]*huma.MediaType{
		jsonType: {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}},
	}}
	register(s, o, operation, s.body)
}

func (s *service) body(ctx context.Context, input *replayInput) (*replayOutput, error) {
	now := s.Clock()
	at := now
	if input.At != "" {
		var ok bool
		if at, ok = parseTime(input.At); !ok {
			return nil, invalid(ctx, "at", input.At, notATime)
		}
	}
	record, err := s.Log.At(ctx, at)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.E("api.replay", fault.NotFound, "before_first", err).
			WithMessage("Nothing was recorded at or before " + at.Format(time.RFC3339) + ".")
	}
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(record.Network)
	output := &replayOutput{
		Status: http.StatusOK, ContentType: jsonType, Body: record.Network,
		ETag:         `"` + hex.EncodeToString(hash[:]) + `"`,
		CacheControl: "public, max-age=86400",
		Snapshot:     record.At.UTC().Format(time.RFC3339Nano),
		Source:       s.meta(0).Source,
	}
	if at.After(now.Add(-settledAfter)) {
		output.CacheControl = s.untilNextTick(false)
	}
	if matches(input.IfNoneMatch, output.ETag) {
		output.Status, output.ContentType, output.Body = http.StatusNotModified, "", nil
	}
	return output, nil
}
