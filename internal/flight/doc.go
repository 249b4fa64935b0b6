// Package flight makes flights of connections: one aircraft's way from plan or
// take-off to landing or loss, across reconnects, with gaps told as such. It is
// pure: the same scenes give the same flights whether they come from the feed,
// a backlog or a rebuild of the whole log.
//
// A flight begins with a session that continues none, with another pair of
// airports or another time of departure in the plan after a landing, with a
// departure after a landing, or with a jump that ends the one before. It ends 30
// minutes after it was last seen, or where the next begins.
//
// What is wrong in the feed has these outcomes:
//
//	reconnect within 30 minutes    the same flight, another leg; a gap from 60 s on. In the air
//	                               where it can have flown to, on the ground at the same airport
//	back at a gate after a flight  lost, and another flight: it did not land there
//	back in the air from a gate    the same flight without a take-off: appearing is no departure
//	two connections of one cid     a flight each; one where the newer takes over plan and place
//	teleport                       a gap marked so; from the air to the ground, and after a
//	                               landing, it ends the flight
//	position that hangs            no sample; when it catches up, no teleport
//	report that gets old (ghost)   no sample; a gap when the next is minutes later
//	plan blank, without airports   nothing; the last one stays in force
//	plan changed before landing    the same flight under the new plan
//	snapshot that is held          who is not in it is not gone
//	snapshot that is not newer     nothing
//
// What is wrong within an aircraft's samples is traffic's; see Fields.Step.
package flight
