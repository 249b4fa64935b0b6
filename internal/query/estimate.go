package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
)

// Estimate is what the planner expects of a statement.
type Estimate struct {
	Cost float64 `json:"cost"` // in the planner's units: about the reading of so many pages in order
	Rows float64 `json:"rows"`
}

// explained is one node of a plan, with what lies below it.
type explained struct {
	Cost     float64     `json:"Total Cost"`
	Rows     float64     `json:"Plan Rows"`
	Schema   string      `json:"Schema"`
	Relation string      `json:"Relation Name"`
	Plans    []explained `json:"Plans"`
}

const explain = `EXPLAIN (FORMAT JSON, VERBOSE) `

// estimate asks the planner, without running anything, what the statement costs
// and which tables it reads. A plan that reads what no readable view is made of
// is refused, whatever the first wall has said.
func (s *Sandbox) estimate(ctx context.Context, conn *pgx.Conn, statement Statement) (Estimate, error) {
	plan, err := planOf(ctx, conn, statement.Text)
	if err != nil {
		return Estimate{}, placed(err, statement.Text, explain)
	}
	known, err := s.catalogues.get(ctx, conn, lifetime)
	if err != nil {
		return Estimate{}, err
	}
	strange := plan.beyond(known.Scanned)
	if strange != "" { // a partition made since, perhaps
		if known, err = s.catalogues.get(ctx, conn, soonest); err != nil {
			return Estimate{}, err
		}
		strange = plan.beyond(known.Scanned)
	}
	if strange != "" {
		return Estimate{}, &Refusal{Code: "relation", Why: fmt.Sprintf("This would read %s, which no view shows.", strange)}
	}
	if most := s.options.Limits.Cost; plan.Cost > most {
		return Estimate{}, &Refusal{
			Code: "cost",
			Why:  fmt.Sprintf("The planner estimates a cost of %s for this; %s are allowed.", rounded(plan.Cost), rounded(most)),
			Allowed: "Narrow it: skyledger.positions(from, to) reads only the days between two times; " +
				"compare cid, callsign or a time with constants; aggregate before joining.",
		}
	}
	return Estimate{Cost: plan.Cost, Rows: plan.Rows}, nil
}

func planOf(ctx context.Context, conn *pgx.Conn, text string) (explained, error) {
	rows := conn.PgConn().ExecParams(ctx, explain+text, nil, nil, nil, nil).Read()
	if rows.Err != nil {
		return explained{}, rows.Err
	}
	var plans []struct {
		Plan explained `json:"Plan"`
	}
	if len(rows.Rows) != 1 || len(rows.Rows[0]) != 1 {
		return explained{}, fmt.Errorf("the plan has %d rows", len(rows.Rows))
	}
	if err := json.Unmarshal(rows.Rows[0][0], &plans); err != nil {
		return explained{}, err
	}
	if len(plans) != 1 {
		return explained{}, fmt.Errorf("there are %d plans", len(plans))
	}
	return plans[0].Plan, nil
}

// beyond returns a table that the plan reads and allowed does not have.
func (p explained) beyond(allowed map[string]bool) string {
	if name := p.Schema + "." + p.Relation; p.Relation != "" && !allowed[name] {
		return name
	}
	for _, below := range p.Plans {
		if name := below.beyond(allowed); name != "" {
			return name
		}
	}
	return ""
}

// rounded writes a large number for people: 12,300,000.
func rounded(number float64) string {
	digits := fmt.Sprintf("%.0f", number)
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), ",")
}
