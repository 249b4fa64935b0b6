// Command local runs the whole system in one process: every function of the
// manifest behind its schedules, its queue and its routes, on a real PostgreSQL
// and a real Redis, with the live feed, a recorded folder or a simulation. Its
// other commands work on what it recorded. Run it with help.
package main
