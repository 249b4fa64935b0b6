package simulator

import "math"

// stage is a stretch of time with constant acceleration and climb rate.
type stage struct {
	t, s, v, alt float64 // at its beginning: seconds, metres along the path, metres per second, feet
	a, rate      float64 // metres per second squared, feet per second
}

// profile says how far along its path an aircraft is, how fast and how high,
// at any time. It is built forwards by the methods below.
type profile struct {
	stages []stage
	now    stage // where the building stands
}

func (p *profile) add(dt, a, rate float64) {
	if dt <= 0 {
		return
	}
	now := p.now
	now.a, now.rate = a, rate
	p.stages = append(p.stages, now)
	p.now.t += dt
	p.now.s += now.v*dt + a*dt*dt/2
	p.now.v += a * dt
	p.now.alt += rate * dt
}

// wait stands still.
func (p *profile) wait(dt float64) {
	p.now.v = 0
	p.add(dt, 0, 0)
}

// glide reaches s with speed v and altitude alt, changing both evenly.
func (p *profile) glide(s, v, alt float64) {
	if s <= p.now.s {
		return
	}
	dt := 2 * (s - p.now.s) / (p.now.v + v)
	p.add(dt, (v-p.now.v)/dt, (alt-p.now.alt)/dt)
	p.now.s, p.now.v, p.now.alt = s, v, alt // without the rounding
}

// climb reaches alt with speed v at a rate in feet per second.
func (p *profile) climb(alt, v, rate float64) {
	dt := (alt - p.now.alt) / rate
	if dt <= 0 {
		return
	}
	p.add(dt, (v-p.now.v)/dt, rate)
	p.now.v, p.now.alt = v, alt
}

// lift changes the altitude without moving over the ground.
func (p *profile) lift(alt, rate float64) {
	p.now.v = 0
	p.add(math.Abs(alt-p.now.alt)/rate, 0, math.Copysign(rate, alt-p.now.alt))
	p.now.alt = alt
}

// taxi rolls to s at up to v and stops there.
func (p *profile) taxi(s, v float64) {
	const pull, brake = 0.6, 0.8 // metres per second squared
	way := s - p.now.s
	if way <= 0 {
		return
	}
	if limit := math.Sqrt((2*way*pull*brake + p.now.v*p.now.v*brake) / (pull + brake)); v > limit {
		v = limit
	}
	if v < p.now.v { // still rolling out: brake evenly to the end
		p.glide(s, 0, p.now.alt)
		return
	}
	p.glide(p.now.s+(v*v-p.now.v*p.now.v)/(2*pull), v, p.now.alt)
	p.glide(s-v*v/(2*brake), v, p.now.alt)
	p.glide(s, 0, p.now.alt)
}

// at returns where the profile is at time t.
func (p *profile) at(t float64) (s, v, alt, rate float64) {
	low, high := 0, len(p.stages)
	for high-low > 1 {
		if middle := (low + high) / 2; p.stages[middle].t <= t {
			low = middle
		} else {
			high = middle
		}
	}
	end := p.now.t
	if high < len(p.stages) {
		end = p.stages[high].t
	}
	g := &p.stages[low]
	dt := max(0, min(t, end)-g.t)
	return g.s + g.v*dt + g.a*dt*dt/2, g.v + g.a*dt, g.alt + g.rate*dt, g.rate
}
