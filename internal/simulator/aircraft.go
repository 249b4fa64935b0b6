package simulator

// model is a type of aircraft with the speeds it flies. They are round figures
// from manufacturers' and EUROCONTROL's public performance tables.
type model struct {
	icao       string
	wake       string  // L, M, H or J
	equipment  string  // ICAO item 10
	share      int     // of 100 in its class
	rotate     float64 // knots
	approach   float64 // knots
	cruise     float64 // knots over the ground
	level      float64 // usual cruising altitude, feet
	climb      float64 // feet a minute, low down
	descend    float64 // feet a minute
	runway     float64 // metres needed
	finalNM    float64 // length of the final approach
	shortest   float64 // NM worth flying
	longest    float64 // NM it can fly
	helicopter bool
}

const airliner = "SDE1E2E3FGHIJ1RWXYZ/LB1"

func narrowBodies() []model {
	return []model{
		{"A320", "M", airliner, 25, 145, 137, 450, 36000, 2300, 2000, 1900, 10, 120, 2600, false},
		{"B738", "M", airliner, 19, 148, 143, 455, 37000, 2300, 2000, 2000, 10, 120, 2800, false},
		{"A20N", "M", airliner, 11, 143, 136, 452, 37000, 2300, 2000, 1900, 10, 120, 3000, false},
		{"A321", "M", airliner, 9, 152, 142, 450, 35000, 2100, 2000, 2100, 10, 120, 2600, false},
		{"A319", "M", airliner, 7, 138, 130, 448, 36000, 2400, 2000, 1700, 10, 120, 2900, false},
		{"B38M", "M", airliner, 7, 148, 144, 455, 37000, 2300, 2000, 2000, 10, 120, 3200, false},
		{"E190", "M", airliner, 6, 138, 130, 445, 35000, 2300, 2000, 1700, 9, 100, 1900, false},
		{"CRJ9", "M", "SDE2E3FGHIJ1RWXYZ/LB1", 4, 140, 134, 440, 34000, 2200, 2000, 1700, 9, 90, 1200, false},
		{"C700", "M", "SBDGHM1RWXY/LB2", 4, 118, 115, 470, 41000, 3000, 2200, 1500, 8, 150, 2900, false},
		{"DH8D", "M", "SDFGRWY/LB1", 5, 118, 120, 340, 24000, 1700, 1600, 1300, 8, 60, 800, false},
		{"AT76", "M", "SDFGRWY/LB1", 3, 112, 112, 275, 19000, 1300, 1500, 1200, 8, 50, 600, false},
	}
}

func wideBodies() []model {
	const equipment = "SDE1E2E3FGHIJ2J3J4J5M1RWXYZ/LB1D1"
	return []model{
		{"B77W", "H", equipment, 27, 165, 148, 487, 35000, 1900, 1900, 2400, 11, 900, 7800, false},
		{"A359", "H", equipment, 18, 155, 140, 487, 38000, 2000, 1900, 2300, 11, 900, 7900, false},
		{"B789", "H", equipment, 13, 158, 144, 488, 38000, 2000, 1900, 2300, 11, 900, 7500, false},
		{"A339", "H", equipment, 11, 150, 138, 472, 37000, 1900, 1900, 2300, 11, 900, 7000, false},
		{"A388", "J", equipment, 11, 158, 139, 490, 36000, 1600, 1800, 2600, 11, 900, 7900, false},
		{"B744", "H", equipment, 8, 165, 150, 490, 34000, 1700, 1900, 2600, 11, 900, 7000, false},
		{"MD11", "H", equipment, 7, 165, 157, 485, 34000, 1800, 1900, 2500, 11, 900, 6600, false},
		{"B763", "H", equipment, 4, 152, 142, 462, 35000, 2000, 1900, 2100, 11, 700, 5800, false},
		{"CONC", "H", "SDHIRWX/LB1", 1, 215, 165, 1160, 54000, 2800, 2200, 2600, 11, 2200, 3600, false},
	}
}

func lightAircraft() []model {
	return []model{
		{"C172", "L", "SDFGRY/S", 40, 60, 65, 110, 4500, 650, 500, 600, 2, 20, 200, false},
		{"DA40", "L", "SDFGRY/S", 15, 65, 72, 130, 5500, 750, 600, 600, 2, 20, 250, false},
		{"SR22", "L", "SDFGRY/S", 15, 75, 80, 165, 7500, 1000, 700, 700, 3, 30, 300, false},
		{"BE36", "L", "SDFGRY/S", 12, 75, 80, 165, 7500, 950, 700, 700, 3, 30, 300, false},
		{"PC12", "L", "SDFGRWYZ/LB1", 10, 82, 85, 260, 20000, 1500, 1300, 900, 5, 60, 500, false},
		{"BE58", "L", "SDFGRY/S", 8, 85, 95, 190, 9500, 1200, 900, 900, 4, 40, 350, false},
	}
}

func helicopters() []model {
	return []model{
		{"H135", "L", "SDFGRY/S", 40, 0, 0, 125, 1500, 900, 700, 0, 0, 8, 60, true},
		{"EC45", "L", "SDFGRY/S", 30, 0, 0, 130, 1800, 900, 700, 0, 0, 8, 60, true},
		{"S92", "M", "SDFGRY/S", 30, 0, 0, 145, 3000, 1000, 800, 0, 0, 8, 120, true},
	}
}

// chooseModel picks by share among the models that suit: a distance in NM and
// a runway in metres; nil when none does.
func chooseModel(r *random, from []model, distance, runway float64) *model {
	total := 0
	suits := func(m *model) bool {
		return distance >= m.shortest && distance <= m.longest && runway >= m.runway
	}
	for i := range from {
		if suits(&from[i]) {
			total += from[i].share
		}
	}
	if total == 0 {
		return nil
	}
	ticket := r.below(total)
	for i := range from {
		if !suits(&from[i]) {
			continue
		}
		if ticket -= from[i].share; ticket < 0 {
			return &from[i]
		}
	}
	return nil
}
