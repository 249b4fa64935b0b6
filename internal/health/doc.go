// Package health knows what the recorded failures and requests, and the
// measurements of the parts, say about how Skyledger is doing: rates and
// percentiles, the alerts that are in force with their published thresholds,
// and one figure from 0 to 100 with the parts it is made of. It computes; what
// it computes from is measured by store, fault and resource and handed in.
package health
