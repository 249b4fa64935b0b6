// Package telemetry writes what happened: zap JSON lines that carry the request
// id, the function and the outcome, and metrics in CloudWatch's embedded metric
// format from the same call. Nothing global: a logger is made once and passed.
package telemetry
