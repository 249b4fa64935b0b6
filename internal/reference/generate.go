package reference

//go:generate go run ./gen --airports ../../.tools/airportsdata-20260905-py3-none-any.whl --ourairports ../../../shared/data/reference world.bin
