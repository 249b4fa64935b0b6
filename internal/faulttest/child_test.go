package faulttest

// childVariable holds a child's orders.
const childVariable = "SKYLEDGER_FAULTTEST_CHILD"

func beChild(string) int { return 0 }
