// Program names says how BuildKit and the Go packages that it uses read platforms, image references and values of variables.
//
//	names DIRECTORY    write platforms.jsonl, references.jsonl and variables.jsonl, an input and what became of it a line;
//	                   say which lines changed
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
)

// Origin is the first line of a file.
type Origin struct {
	Generator string `json:"generator"`
	Package   string `json:"package"`
	Version   string `json:"version"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: names DIRECTORY")
		os.Exit(2)
	}
	for _, file := range []struct {
		name, module string
		lines        func() []any
	}{
		{"platforms.jsonl", "github.com/containerd/platforms", platformLines},
		{"references.jsonl", "github.com/distribution/reference", referenceLines},
		{"variables.jsonl", "github.com/moby/buildkit", variableLines},
	} {
		if err := write(filepath.Join(os.Args[1], file.name), file.module, file.lines()); err != nil {
			fmt.Fprintln(os.Stderr, "names:", err)
			os.Exit(1)
		}
	}
}

func write(path, module string, lines []any) error {
	version, err := versionOf(module)
	if err != nil {
		return err
	}
	old, err := read(path)
	if err != nil {
		return err
	}
	lines = slices.Insert(lines, 0, any(Origin{"testdata/vectors/names", module, version}))
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, line := range lines {
		start := out.Len()
		if err := encoder.Encode(line); err != nil {
			return err
		}
		text := string(out.Bytes()[start : out.Len()-1])
		if !old[text] {
			fmt.Printf("%s: new: %s\n", filepath.Base(path), text)
		}
		delete(old, text)
	}
	for _, text := range slices.Sorted(maps.Keys(old)) {
		fmt.Printf("%s: gone: %s\n", filepath.Base(path), text)
	}
	fmt.Printf("%s: %d lines of %s %s\n", filepath.Base(path), len(lines), module, version)
	return os.WriteFile(path, out.Bytes(), 0o644)
}

func read(path string) (map[string]bool, error) {
	lines := map[string]bool{}
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return lines, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		lines[scanner.Text()] = true
	}
	return lines, scanner.Err()
}

// versionOf is the release that this program was built with.
func versionOf(module string) (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", fmt.Errorf("built without module information")
	}
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version, nil
		}
	}
	return "", fmt.Errorf("built without %s", module)
}
