package main

import (
	"bytes"
	"errors"
	"fmt"
)

// What a scenario may demand. A demand that is not met panics with an unmet and so ends the scenario.
type unmet string

func that(met bool, demand string, values ...any) {
	if !met {
		panic(unmet(fmt.Sprintf(demand, values...)))
	}
}

func equal[T comparable](wanted, got T, what string) {
	that(wanted == got, "%s: %v instead of %v", what, got, wanted)
}

// equalBytes tells nil from empty.
func equalBytes(wanted, got []byte, what string) {
	that((wanted == nil) == (got == nil) && bytes.Equal(wanted, got), "%s: %.40q instead of %.40q", what, got, wanted)
}

func fine(err error) {
	that(err == nil, "%v", err)
}

func must[T any](value T, err error) T {
	fine(err)
	return value
}

func refused(wanted, got error, what string) {
	that(errors.Is(got, wanted), "%s: %v instead of %v", what, got, wanted)
}
