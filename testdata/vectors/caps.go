// The capabilities of the pinned release, as its daemon lists them.
package main

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
)

func capabilities() string {
	var ids []string
	for _, c := range pb.Caps.All() {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return strings.Join(ids, "\n") + "\n"
}
