package flight

// Word is the phase, as answers and views have it; "" for none.
func (p Phase) Word() string {
	return word([]string{
		"", "preflight", "taxi_out", "departed", "climb", "cruise", "descent", "approach", "landed", "taxi_in", "arrived", "lost",
	}, int(p))
}

// Word is the ending; "" for none.
func (e Ending) Word() string {
	return word([]string{"open", "complete", "probably_landed", "lost", "never_left"}, int(e))
}

func word(words []string, number int) string {
	if number < 0 || number >= len(words) {
		return ""
	}
	return words[number]
}
