// Package simulator flies a plausible network between real airports and writes
// its feed: pilots from stand to stand, controllers, ATIS, prefiles, radios,
// and the feed's oddities at the rates seen in captured snapshots. The world
// at a moment is a pure function of seed, options and moment: nothing is
// stepped, so it can be asked backwards, at any speed, and goes on after a
// restart. The same timelines give the truth: who took off, landed, went
// around or vanished, where and when. The airports come from OurAirports
// (public domain); people and callsigns are made up.
package simulator
