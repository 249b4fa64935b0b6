package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/query"
)

// Statements runs people's SQL; *query.Sandbox is one.
type Statements interface {
	Run(ctx context.Context, text string) (*query.Answer, error)
}

type statementInput struct {
	Format string `query:"format" enum:"json,csv,ndjson" doc:"form of the answer; an exact Accept of text/csv or application/x-ndjson says the same"`
	Accept string `header:"Accept" hidden:"true"`
	Body   struct {
		Query string `json:"query" doc:"one SELECT, VALUES or TABLE, with WITH before it if need be" example:"select callsign, max(altitude) from position group by 1 order by 2 desc limit 3"`
	}
}

// StatementAnswer is the shape of an answer to a statement.
type StatementAnswer struct {
	Success   bool             `json:"success" doc:"true: what fails is a problem"`
	Data      []map[string]any `json:"data" doc:"a row an object, with the columns' names"`
	RowCount  int              `json:"row_count" doc:"rows in data"`
	Columns   []string         `json:"columns" doc:"names in order; a name that comes again is numbered"`
	Query     string           `json:"query"`
	Truncated bool             `json:"truncated" doc:"whether there are more rows than a limit lets through"`
	Timestamp time.Time        `json:"timestamp"`
	Meta      StatementMeta    `json:"meta"`
}

// StatementMeta says more of the columns and of the run.
type StatementMeta struct {
	Count       int            `json:"count" doc:"rows in data"`
	Columns     []query.Column `json:"columns" doc:"type in PostgreSQL, and the one JSON type of the column: numeric and int8 are numbers, and all of a column strings where one value is beyond 2^53"`
	TruncatedBy *string        `json:"truncated_by" enum:"rows,bytes" doc:"which limit cut it; null when none did"`
	Estimate    query.Estimate `json:"estimate" doc:"what the planner expected: cost in its units, and rows"`
	DurationMS  float64        `json:"duration_ms" doc:"from the statement's turn to its last row"`
	Source      string         `json:"source,omitempty" doc:"where the data come from, when that is not the live network"`
}

func (s *service) statements() {
	o := Operation{
		Method: http.MethodPost, Path: "/api/database/query", Scope: ScopeQuery, Keep: -1,
		Summary: "Runs one statement of SQL over the views",
		Description: "/api/database/schema says what there is to read. A statement reads and does nothing else; one that is too expensive, too long or too " +
			"large is refused or cut. Whole numbers beyond 2^53 are strings, as are all others of their column; NaN and infinity are null; " +
			"times are RFC 3339 in UTC, intervals ISO 8601, bytea is hexadecimal, arrays and JSON are themselves.",
		ExampleBody: `{"query": "select callsign, max(altitude) as highest from position group by 1 order by 2 desc limit 3"}`,
	}
	operation := o.huma(s)
	schemas := s.api.OpenAPI().Components.Schemas
	operation.Responses["200"] = &huma.Response{Description: "The rows", Content: map[string]*huma.MediaType{
		jsonType:                {Schema: huma.SchemaFromType(schemas, reflect.TypeFor[StatementAnswer]())},
		formats()[formatCSV]:    {Schema: &huma.Schema{Type: huma.TypeString, Description: "a line of names and a line a row; null is empty; X-Truncated says whether there is more"}},
		formats()[formatNDJSON]: {Schema: &huma.Schema{Type: huma.TypeString, Description: "a row a line, as in data; X-Truncated says whether there is more"}},
	}}
	register(s, o, operation, s.statement)
}

func (s *service) statement(ctx context.Context, input *statementInput) (*huma.StreamResponse, error) {
	answer, err := s.SQL.Run(ctx, input.Body.Query)
	if err != nil {
		return nil, s.statementProblem(ctx, err)
	}
	chosen := (&ListParams{Format: input.Format, Accept: input.Accept}).format()
	var body bytes.Buffer
	switch chosen {
	case formatCSV:
		err = answer.WriteCSV(&body)
	case formatNDJSON:
		err = answer.WriteNDJSON(&body)
	default:
		chosen = formatJSON
		err = s.writeStatement(&body, answer)
	}
	if err != nil {
		return nil, fault.E("api.statement", fault.Internal, "format", err)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Cache-Control", "no-store")
		ctx.SetHeader("Content-Type", chosen.contentType())
		ctx.SetHeader("Content-Length", strconv.Itoa(body.Len()))
		ctx.SetHeader("X-Truncated", strconv.FormatBool(answer.Truncated))
		ctx.SetStatus(http.StatusOK)
		_, _ = ctx.BodyWriter().Write(body.Bytes()) // a client that left
	}}, nil
}

// writeStatement writes StatementAnswer: the rows are JSON already.
func (s *service) writeStatement(out *bytes.Buffer, answer *query.Answer) error {
	names := make([]string, 0, len(answer.Columns))
	for _, column := range answer.Columns {
		names = append(names, column.Name)
	}
	meta := StatementMeta{
		Count: answer.Len(), Columns: answer.Columns, Estimate: answer.Estimate,
		DurationMS: float64(answer.Took.Microseconds()) / 1000, Source: s.meta(0).Source,
	}
	if answer.Truncated {
		meta.TruncatedBy = &answer.Cut
	}
	tail, err := json.Marshal(struct {
		RowCount  int           `json:"row_count"`
		Columns   []string      `json:"columns"`
		Query     string        `json:"query"`
		Truncated bool          `json:"truncated"`
		Timestamp time.Time     `json:"timestamp"`
		Meta      StatementMeta `json:"meta"`
	}{answer.Len(), names, answer.Query, answer.Truncated, s.Clock().UTC(), meta})
	if err != nil {
		return err
	}
	out.WriteString(`{"success":true,"data":`)
	out.Write(answer.AppendRows(out.AvailableBuffer()))
	out.WriteByte(',')
	out.Write(tail[1:])
	return nil
}

// statementProblem adds where in the statement something is wrong, and when to
// come again.
func (s *service) statementProblem(ctx context.Context, err error) *Problem {
	problem := s.problem(ctx, err)
	if wait := fault.RetryAfter(err); wait > 0 || fault.Is(err, fault.Timeout) {
		problem.retryAfter = wait // a statement that was too slow is so again
	}
	var refusal *query.Refusal
	if !errors.As(err, &refusal) {
		return problem
	}
	detail := &huma.ErrorDetail{Message: refusal.Why, Location: "body.query"}
	if refusal.Line > 0 {
		detail.Value = map[string]int{"line": refusal.Line, "column": refusal.Column, "offset": refusal.Offset}
	}
	problem.Errors = []*huma.ErrorDetail{detail}
	return problem
}
