// Package webhook takes alerts to receivers over HTTP: signed webhooks, and the
// shapes that Discord and Slack read. It promises to connect to nothing but what
// the deployment allows, whatever a name resolves to at that moment, to follow
// no redirect, to use no proxy, and to give back nothing of an answer but its
// status. Messages come from internal/alert.
package webhook
