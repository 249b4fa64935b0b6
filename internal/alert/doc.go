// Package alert knows what is worth telling: rules are saved conditions over
// figures, and an evaluation, once a minute, decides what opens, what ends and
// who is told. It promises that one subject of a rule has one open alert at
// most, that an alert ends only at its clear level, and that each opening is
// written down with its deliveries in one transaction: killed anywhere and run
// again, nobody is told twice of it. Sending happens apart from that, from a
// queue in the database, so that a slow receiver delays nobody.
//
// Figures come from the small sources in internal/alert/figure, rules and what
// is remembered of their subjects from internal/store, and messages leave by
// internal/webhook and internal/app.
package alert
