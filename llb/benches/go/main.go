// Program bench measures BuildKit's own client on the graphs of ../shapes/mod.rs, for ../run. One JSON object a line.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"
)

// Result is a median.
type Result struct {
	Work    string  `json:"work"`
	Shape   string  `json:"shape"`
	Size    int     `json:"size"`
	Seconds float64 `json:"seconds"`
	Runs    int     `json:"runs"`
	// Digest is that of the terminal op.
	Digest string `json:"digest"`
}

var shapes = []struct {
	name  string
	build func(int) llb.State
}{{"chain", chain}, {"fan", fan}}

func base() llb.State {
	return llb.Image("docker.io/library/debian:bookworm-slim", llb.LinuxAmd64).
		AddEnv("LANG", "C.UTF-8").
		AddEnv("HOME", "/root")
}

func step(st llb.State, number int) llb.State {
	return st.Run(llb.Args([]string{"/bin/step", strconv.Itoa(number)})).Root()
}

// chain puts each op on the one before, files and processes in turn.
func chain(size int) llb.State {
	st := base()
	for number := 1; number < size; number++ {
		if number%2 == 1 {
			st = st.File(llb.Mkfile("/f"+strconv.Itoa(number), 0o644, []byte(strconv.Itoa(number))))
		} else {
			st = step(st, number)
		}
	}
	return st
}

// fan puts processes beside each other and merges their differences.
func fan(size int) llb.State {
	st := base()
	layers := []llb.State{st}
	for number := range (size - 2) / 2 {
		layers = append(layers, llb.Diff(st, step(st, number)))
	}
	return llb.Merge(layers)
}

func encode(st llb.State) ([]byte, *pb.Definition, error) {
	def, err := st.Marshal(context.Background(), llb.LinuxAmd64, llb.WithCaps(pb.Caps.CapSet(pb.Caps.All())))
	if err != nil {
		return nil, nil, err
	}
	message := def.ToPB()
	dt, err := proto.Marshal(message)
	return dt, message, err
}

func decode(dt []byte) error {
	var def pb.Definition
	if err := proto.Unmarshal(dt, &def); err != nil {
		return err
	}
	_, err := llb.NewDefinitionOp(&def)
	return err
}

// measure runs for a second, but at least three times, unless one run takes very long.
func measure(work func() error) (seconds float64, runs int, err error) {
	var times []float64
	begin := time.Now()
	for len(times) == 0 || time.Since(begin) < time.Second || (len(times) < 3 && time.Since(begin) < 20*time.Second) {
		began := time.Now()
		if err := work(); err != nil {
			return 0, 0, err
		}
		times = append(times, time.Since(began).Seconds())
	}
	slices.Sort(times)
	return times[len(times)/2], len(times), nil
}

func run() error {
	out := json.NewEncoder(os.Stdout)
	for _, shape := range shapes {
		previous := 0.0
		for _, size := range []int{100, 1_000, 10_000, 100_000} {
			// What takes time with the square of the size would take minutes.
			if previous > 0.5 {
				continue
			}
			dt, def, err := encode(shape.build(size))
			if err != nil {
				return err
			}
			sum := digest.FromBytes(def.Def[len(def.Def)-1]).String()
			for name, work := range map[string]func() error{
				"encode": func() error {
					_, _, err := encode(shape.build(size))
					return err
				},
				"decode": func() error { return decode(dt) },
			} {
				seconds, runs, err := measure(work)
				if err != nil {
					return fmt.Errorf("%s %s %d: %w", name, shape.name, size, err)
				}
				if name == "encode" {
					previous = seconds
				}
				if err := out.Encode(Result{name, shape.name, size, seconds, runs, sum}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
