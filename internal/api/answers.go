package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/skyledger/skyledger/internal/live"
)

const jsonType = "application/json"

// tick is how often the network is recorded.
const tick = 15 * time.Second

// NetworkStatus is the row of /api/network/status, whose keys stand at the top
// of the answer as well.
type NetworkStatus struct {
	TotalControllers  int       `json:"total_controllers" doc:"connections, observers included"`
	OnlineControllers int       `json:"online_controllers" doc:"of those, the ones on a frequency"`
	TotalFlights      int       `json:"total_flights"`
	TotalSectors      *int      `json:"total_sectors" doc:"FIRs and sectors that hold an airborne aircraft, at the newest analysed snapshot; null when not known"`
	LastUpdate        time.Time `json:"last_update" doc:"update_timestamp of the snapshot counted"`
}

// NetworkAnswer is the shape of /api/network/status.
type NetworkAnswer struct {
	NetworkStatus
	Data []NetworkStatus `json:"data"`
	Meta Meta            `json:"meta"`
}

// answerInput is what matters of a request for a common answer.
type answerInput struct {
	AcceptEncoding string `header:"Accept-Encoding" hidden:"true"`
	IfNoneMatch    string `header:"If-None-Match" hidden:"true"`
}

// common gives a common answer as it is kept: its bytes were rendered when the
// snapshot came.
func (s *service) common(ctx context.Context, name live.Name, input *answerInput, withLayer bool) (*huma.StreamResponse, error) {
	encoding := live.JSON
	if acceptsGzip(input.AcceptEncoding) {
		encoding = live.Gzip
	}
	answer, err := s.Live.Get(ctx, name, encoding)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) { s.send(ctx, &answer, input.IfNoneMatch, withLayer) }}, nil
}

// network registers /api/network/status.
func (s *service) network() {
	o := Operation{Path: "/api/network/status", Summary: "How many are connected"}
	s.direct[o.Path] = true
	operation := o.huma(s)
	shape := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[NetworkAnswer](), true, "")
	operation.Responses["200"] = &huma.Response{Description: o.Summary, Content: map[string]*huma.MediaType{jsonType: {Schema: shape}}}
	register(s, o, operation, func(ctx context.Context, input *answerInput) (*huma.StreamResponse, error) {
		return s.common(ctx, live.Network, input, false)
	})
}

func (s *service) send(ctx huma.Context, answer *live.Answer, ifNoneMatch string, withLayer bool) {
	etag := answer.ETag
	if withLayer { // the layer is in the bytes, so it is in their tag
		etag = strings.TrimSuffix(etag, `"`) + "." + string(answer.Layer) + `"`
	}
	ctx.SetHeader("ETag", etag)
	ctx.AppendHeader("Vary", "Accept-Encoding")
	ctx.SetHeader("Cache-Control", s.untilNextTick(answer.Stale))
	ctx.SetHeader("X-Snapshot", answer.Snapshot.Format(time.RFC3339Nano))
	if matches(ifNoneMatch, etag) {
		ctx.SetStatus(http.StatusNotModified)
		return
	}
	parts, length := answer.Parts(withLayer), 0
	for _, part := range parts {
		length += len(part)
	}
	ctx.SetHeader("Content-Type", jsonType)
	if answer.Encoding == live.Gzip {
		ctx.SetHeader("Content-Encoding", "gzip")
	}
	ctx.SetHeader("Content-Length", strconv.Itoa(length))
	ctx.SetStatus(http.StatusOK)
	writer := ctx.BodyWriter()
	for _, part := range parts {
		if _, err := writer.Write(part); err != nil {
			return // a client that left
		}
	}
}

// untilNextTick is the Cache-Control of what the next tick may change. Answers
// that are stale, or whose time may run faster than the client's, are kept for
// a second: that is enough for a dashboard's parallel requests.
func (s *service) untilNextTick(stale bool) string {
	remaining := time.Second
	if !stale && s.Source == live.LiveSource {
		now := s.Clock()
		remaining = now.Truncate(tick).Add(tick).Sub(now)
	}
	return "public, max-age=" + strconv.Itoa(max(1, int(remaining/time.Second)))
}

// matches reports whether an If-None-Match names the tag. What compression
// added to it on the way out does not matter, nor does a proxy's weakening.
func matches(ifNoneMatch, etag string) bool {
	if ifNoneMatch == "" {
		return false
	}
	for candidate := range strings.SplitSeq(ifNoneMatch, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		for _, suffix := range []string{encodingSuffix, "-zstd"} {
			if plain, found := strings.CutSuffix(candidate, suffix+`"`); found {
				candidate = plain + `"`
			}
		}
		if candidate == "*" || candidate == etag {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding as RFC 9110 has it, as far as gzip goes.
func acceptsGzip(header string) bool {
	return weightOf("gzip", header) > 0 || weightOf("x-gzip", header) > 0
}

// prefersZstd reports whether zstd is taken and gzip, in which common answers
// are at hand, is not.
func prefersZstd(header string) bool { return !acceptsGzip(header) && weightOf("zstd", header) > 0 }

// weightOf is the weight that an Accept-Encoding gives a coding, 0 for none.
func weightOf(wanted, header string) float64 {
	any := 0.0
	for part := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(part, ";")
		weight := 1.0
		if q, found := strings.CutPrefix(strings.TrimSpace(parameters), "q="); found {
			if parsed, err := strconv.ParseFloat(q, 64); err == nil {
				weight = parsed
			}
		}
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case wanted:
			return weight
		case "*":
			any = weight
		}
	}
	return any
}
