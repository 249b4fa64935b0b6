// Package cloud stands in for the parts of AWS around the functions when they
// run in one process: EventBridge's schedules, SQS's delays and redeliveries,
// API Gateway's HTTP events and Lambda's bounds on time and concurrency. It
// sends the same event JSON to the same handlers. All of it runs on one clock,
// which may be the wall's, a faster one, or one that steps from event to event.
package cloud
