// Command api-database is the Lambda function of that name; internal/manifest describes
// it and internal/app builds it.
package main

import (
	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/query/grammar"
)

func main() { app.Main("api-database", app.WithGrammar(grammar.Parse, grammar.Warm, app.APIDatabase)) }
