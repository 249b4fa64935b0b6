package resource

// Machine is what the machine (or Lambda's microVM) has and does, as the
// package machine reads it. Nil is what the system does not tell.
type Machine struct {
	CPUCount        int      `json:"cpu_count"`
	CPUPercent      *float64 `json:"cpu_percent" doc:"of all processors since the last look, in percent; null when that was less than 100 ms ago"`
	Load1           *float64 `json:"load_1" doc:"processes that want to run, mean over 1 minute"`
	Load5           *float64 `json:"load_5"`
	Load15          *float64 `json:"load_15"`
	MemoryTotal     *int64   `json:"memory_total_bytes"`
	MemoryAvailable *int64   `json:"memory_available_bytes"`
	MemoryPercent   *float64 `json:"memory_percent" doc:"not available, of the total"`
	SwapUsed        *int64   `json:"swap_used_bytes"`
	BootTime        *int64   `json:"boot_time" doc:"epoch seconds"`
	Platform        string   `json:"platform" example:"linux amd64"`
	Disks           []Disk   `json:"disks" doc:"file systems this process writes to"`
}

// Disk is a file system.
type Disk struct {
	Path        string  `json:"path"`
	Total       int64   `json:"total_bytes"`
	Free        int64   `json:"free_bytes" doc:"that this process may use"`
	UsedPercent float64 `json:"used_percent"`
}

// Network counts what passed the machine's interfaces but loopback since boot.
type Network struct {
	BytesSent       int64 `json:"bytes_sent"`
	BytesReceived   int64 `json:"bytes_recv"`
	PacketsSent     int64 `json:"packets_sent"`
	PacketsReceived int64 `json:"packets_recv"`
	Errors          int64 `json:"errors"`
	Drops           int64 `json:"drops"`
	Connections     *int  `json:"connections" doc:"TCP connections of this process; null where the system does not tell"`
}

// DiskIO counts what the machine's disks did since boot.
type DiskIO struct {
	ReadCount  int64 `json:"read_count"`
	WriteCount int64 `json:"write_count"`
	ReadBytes  int64 `json:"read_bytes"`
	WriteBytes int64 `json:"write_bytes"`
	ReadMS     int64 `json:"read_time_ms"`
	WriteMS    int64 `json:"write_time_ms"`
}
