// Package route knows which of several routes takes a request where more than
// one could: the one whose path is literal for longer, as API Gateway chooses.
// The API's functions and the local gateway both go by it.
package route
