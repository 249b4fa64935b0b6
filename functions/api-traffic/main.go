// Command api-traffic is the Lambda function of that name; internal/manifest describes
// it and internal/app builds it.
package main

import "github.com/skyledger/skyledger/internal/app"

func main() { app.Main("api-traffic", app.APITraffic) }
