// Package recorded knows a folder of snapshots somebody captured from the
// network: plain, gzip or zstd, named and nested in any way. It puts them in
// order by the update_timestamp inside each body, promises their bytes
// unchanged, and says of every file it leaves out why. Opening reads only the
// beginning and the end of each file; bodies are read when asked for.
package recorded
