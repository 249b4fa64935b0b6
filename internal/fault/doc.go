// Package fault knows what can go wrong and what follows from it. An error
// carries a class, the operation that failed and the cause; the HTTP status,
// the retry decision and the metric follow from the class, here and nowhere
// else. Policies (retry, breaker, timeout) for each upstream are composed here
// as well. A Recorder counts what went wrong in a process, and what it was
// asked, in a bounded memory, and sends the counts on.
package fault
