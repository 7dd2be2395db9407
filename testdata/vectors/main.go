// Program vectors says what bytes BuildKit's own client emits.
//
//	vectors generate FILE SOURCE   write the vectors, one JSON object a line, and next to them the
//	                               capabilities and the keys in BuildKit's source; say which vectors changed
//	vectors check DEFINITION…      re-serialise definitions and fail where Go's bytes are others
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"
)

// Vector is a recipe and what became of it.
type Vector struct {
	Name   string `json:"name"`
	Recipe Recipe `json:"recipe"`
	// Digests are those of the definition's ops, in its order.
	Digests []string `json:"digests"`
	// Definition is the message, maps sorted.
	Definition []byte `json:"definition"`
}

func main() {
	err := fmt.Errorf("usage: vectors generate FILE SOURCE | vectors check DEFINITION…")
	switch {
	case len(os.Args) == 4 && os.Args[1] == "generate":
		err = generate(os.Args[2], os.Args[3])
	case len(os.Args) > 2 && os.Args[1] == "check":
		err = check(os.Args[2:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

func generate(path, source string) error {
	old, err := read(path)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	names := map[string]bool{}
	all := append(cases(), randomCases()...)
	slices.SortStableFunc(all, func(a, b Vector) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range all {
		if names[c.Name] {
			return fmt.Errorf("two vectors are called %q", c.Name)
		}
		names[c.Name] = true
		c.Digests = []string{}
		def, err := c.Recipe.marshal()
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		for _, dt := range def.Def {
			c.Digests = append(c.Digests, digest.FromBytes(dt).String())
		}
		if c.Definition, err = encode(def); err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		line, err := json.Marshal(c)
		if err != nil {
			return err
		}
		out.Write(append(line, '\n'))
		if before, ok := old[c.Name]; !ok {
			fmt.Println("new:", c.Name)
		} else if before != string(line) {
			fmt.Println("changed:", c.Name)
		}
	}
	for name := range old {
		if !names[name] {
			fmt.Println("gone:", name)
		}
	}
	fmt.Printf("%d vectors, %d bytes\n", len(names), out.Len())
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "caps.txt"), []byte(capabilities()), 0o644); err != nil {
		return err
	}
	list, err := keys(source)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "keys.txt"), []byte(list), 0o644); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}

func read(path string) (map[string]string, error) {
	vectors := map[string]string{}
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return vectors, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var v Vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return nil, err
		}
		vectors[v.Name] = lines.Text()
	}
	return vectors, lines.Err()
}

// encode sorts maps; the client's own Marshal writes them in an order of the day.
func encode(def *pb.Definition) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(def)
}

// check re-serialises definitions: each op as the daemon does before it takes its digest, the whole message, and the
// graph that the client reads from it.
func check(paths []string) error {
	bad := 0
	for _, path := range paths {
		if err := checkOne(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d definitions are not what Go would write", bad, len(paths))
	}
	fmt.Printf("%d definitions are byte for byte what Go writes\n", len(paths))
	return nil
}

func checkOne(path string) error {
	dt, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var def pb.Definition
	if err := proto.Unmarshal(dt, &def); err != nil {
		return err
	}
	if again, err := encode(&def); err != nil || !bytes.Equal(again, dt) {
		return fmt.Errorf("the definition's bytes differ (%v)", err)
	}
	ops := map[string]bool{}
	for i, dt := range def.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return err
		}
		if again, err := op.Marshal(); err != nil || !bytes.Equal(again, dt) {
			return fmt.Errorf("op %d: the bytes differ (%v)", i, err)
		}
		if len(op.ProtoReflect().GetUnknown()) > 0 {
			return fmt.Errorf("op %d: unknown fields", i)
		}
		ops[digest.FromBytes(dt).String()] = true
	}
	for key := range def.Metadata {
		if !ops[key] {
			return fmt.Errorf("metadata for %s, which is no op", key)
		}
	}
	if len(ops) != len(def.Metadata) {
		return fmt.Errorf("metadata for %d of %d ops", len(def.Metadata), len(ops))
	}
	// Two caps of the terminal op follow from others' metadata; the client works them out again.
	op, err := llb.NewDefinitionOp(&def)
	if err != nil {
		return err
	}
	read, err := llb.NewState(op.Output()).Marshal(context.Background(), llb.LinuxAmd64)
	if err != nil {
		return err
	}
	graph := read.ToPB()
	if len(graph.Def) != len(def.Def) {
		return fmt.Errorf("read again it has %d ops instead of %d", len(graph.Def), len(def.Def))
	}
	for i := range graph.Def {
		if !bytes.Equal(graph.Def[i], def.Def[i]) {
			return fmt.Errorf("read again, op %d is another", i)
		}
	}
	for key, value := range graph.Metadata {
		if !proto.Equal(value, def.Metadata[key]) {
			return fmt.Errorf("read again, the metadata of %s is %v instead of %v", key, value, def.Metadata[key])
		}
	}
	return nil
}
