package traffic

// Word is the kind, as answers and views have it; "" for none.
func (k Kind) Word() string {
	words := []string{"", "departure", "arrival", "go_around", "touch_and_go", "diversion"}
	if k < 0 || int(k) >= len(words) {
		return ""
	}
	return words[k]
}
