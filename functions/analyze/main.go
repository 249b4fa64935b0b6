// Command analyze is the Lambda function of that name; internal/manifest describes
// it and internal/app builds it.
package main

import "github.com/skyledger/skyledger/internal/app"

func main() { app.Main("analyze", app.Analyze) }
