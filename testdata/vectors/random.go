// The vectors nobody thought of: graphs from a seed. The recipe is stored, so nobody else needs the generator.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

const randomCount = 120

func randomCases() []Vector {
	var all []Vector
	for seed := range uint64(randomCount) {
		r := random{rand.New(rand.NewPCG(seed, 32))}
		all = append(all, Vector{Name: fmt.Sprintf("random/%03d", seed), Recipe: r.recipe(3 + int(seed)%8)})
	}
	return all
}

type random struct{ *rand.Rand }

func (r random) one(of ...string) string { return of[r.IntN(len(of))] }
func (r random) chance(n int) bool       { return r.IntN(n) == 0 }

func (r random) some(of ...string) []string {
	var all []string
	for range r.IntN(3) {
		all = append(all, r.one(of...))
	}
	return all
}

func (r random) time() *int64 {
	if r.chance(2) {
		return nil
	}
	return ptr(r.Int64N(2e18))
}

func (r random) path() string {
	return r.one("/", "/a", "/a/b", "/a//b/", "/c/./d", "/e/../f", "/ü", "/g h")
}

func (r random) recipe(size int) Recipe {
	recipe := Recipe{Files: []SourceFile{{Name: "a.yaml", Language: "YAML", Data: "a: 1\n"}, {Name: "b.yaml", Language: "YAML"}}}
	refs := []string{}
	ref := func() string { return refs[r.IntN(len(refs))] }
	maybe := func() string {
		if r.chance(6) {
			return ""
		}
		return ref()
	}
	seen := map[string]bool{}
	for i := 0; i < size; {
		n := Node{}
		kind := 0
		if i > 1 {
			kind = r.IntN(10)
		}
		outputs := []string{""}
		switch {
		case kind < 2:
			r.source(&n)
		case kind < 5:
			outputs = r.exec(&n, ref, maybe)
		case kind < 8:
			n.File = r.file(ref, maybe, 2)
		case kind == 8 && r.chance(2):
			n.Merge = []string{ref(), ref()}
			for r.chance(2) {
				n.Merge = append(n.Merge, maybe())
			}
		case kind == 8:
			n.Diff = []string{ref(), maybe()}
		case r.chance(3):
			n.Build = &Build{From: ref(), Filename: r.one("", "x.pb")}
			n.Platform = amd64
		default:
			n.Pass = &Pass{ID: r.one("p", "q"), Inputs: []PassInput{{ref(), true}, {maybe(), r.chance(2)}, {ref(), false}}}
			outputs = []string{"#0"}
		}
		// An op that is there already would have two notes, and the client only sees those that the root needs.
		text, err := json.Marshal(n)
		if err != nil {
			panic(err)
		}
		if seen[string(text)] {
			continue
		}
		seen[string(text)] = true
		r.note(&n, i)
		for _, o := range outputs {
			refs = append(refs, fmt.Sprint(i)+o)
		}
		recipe.Nodes = append(recipe.Nodes, n)
		i++
	}
	recipe.Root = refs[len(refs)-1]
	return recipe
}

// note names every op differently: what becomes of two names of one op is not the vectors' business.
func (r random) note(n *Node, i int) {
	if r.chance(2) {
		n.Name = fmt.Sprintf("step %d", i)
	}
	n.IgnoreCache = r.chance(8)
	if r.chance(6) {
		n.ExportCache = ptr(r.chance(2))
	}
	if r.chance(6) {
		n.Group = &Group{ID: "g" + fmt.Sprint(i), Name: "group", Weak: r.chance(2)}
	}
	if r.chance(6) {
		n.Description = map[string]string{fmt.Sprint("k", i): r.one("", "v", "<&>")}
	}
	if r.chance(8) {
		n.Require = []string{"n==" + fmt.Sprint(i)}
	}
	if r.chance(3) {
		line := int32(1 + r.IntN(9))
		n.At = append(n.At, [5]int32{int32(r.IntN(2)), line, 0, line + int32(r.IntN(2)), int32(r.IntN(20))})
	}
}

func (r random) source(n *Node) {
	switch r.IntN(6) {
	case 0, 1:
		n.Image = &Image{Ref: "docker.io/library/" + r.one("debian", "alpine", "python") + ":" + r.one("1", "2", "latest"), Resolve: r.one("", "", "pull", "local")}
		n.Platform = r.one(amd64, "linux/arm64", "linux/arm/v7")
	case 2:
		n.Local = &Local{Name: r.one("context", "dockerfile"), Session: "s", Include: r.some("a", "b", "**/*.c"), Exclude: r.some("d", "!e"), Follow: r.some("f", "g/h"), Hint: r.one("", "hint"), Differ: r.one("", "none", "metadata")}
	case 3:
		n.Git = &Git{URL: r.one("https://example.com/a.git", "example.com/b", "git@example.com:c/d.git"), Hosts: hostKey, Ref: r.one("", "main", commit), Subdir: r.one("", "sub"), Keep: r.chance(3), Skip: r.chance(3), MTime: r.one("", "commit")}
	case 4:
		n.HTTP = &HTTP{URL: "https://example.com/" + r.one("a", "b"), Checksum: r.one("", checksum), Filename: r.one("", "f"), Perm: uint32(r.IntN(0o1000)), UID: uint32(r.IntN(3)), GID: uint32(r.IntN(3)), Auth: r.one("", "AUTH")}
	default:
		n.OCI = &OCILayout{Ref: "a@" + checksum, Session: r.one("", "s"), Store: r.one("", "t"), Layers: r.IntN(3)}
		n.Platform = amd64
	}
}

func (r random) exec(n *Node, ref, maybe func() string) []string {
	e := &Exec{Root: ref(), Args: append([]string{"/bin/" + r.one("true", "sh", "make")}, r.some("-c", "x", "", "y z")...)}
	n.Exec, n.Platform = e, r.one(amd64, "linux/arm64")
	outputs := []string{""}
	if r.chance(6) {
		e.ReadOnly, outputs = true, nil
	}
	for range r.IntN(4) {
		e.Env = append(e.Env, [2]string{r.one("A", "B", "PATH", "SSH_AUTH_SOCK"), r.one("", "1", "a=b")})
	}
	e.Cwd, e.User, e.Network, e.Insecure = r.one("", "/w"), r.one("", "1000", "u:g"), r.one("", "", "host", "none"), r.chance(8)
	if r.chance(5) {
		e.Hosts = [][2]string{{"h", "10.0.0.1"}}
	}
	if r.chance(5) {
		e.Ulimits = []Ulimit{{"nofile", r.Int64N(100), -1}}
	}
	if r.chance(5) {
		e.Codes = []int{r.IntN(3), 17}
	}
	for i := range r.IntN(5) {
		m := Mount{Dest: fmt.Sprintf("/%s%d", r.one("z", "m", "a", "a/b"), i), From: maybe()}
		switch r.IntN(5) {
		case 0:
			m.ReadOnly, m.Selector, m.Content = true, r.one("", "/s", "t"), r.one("", "on", "off")
		case 1:
			m.Cache, m.Sharing = r.one("c", "d"), r.one("", "private", "locked")
		case 2:
			m.From, m.Tmpfs, m.Size = "", true, r.Int64N(3)<<20
		case 3:
			m.Discard = true
		default:
			outputs = append(outputs, ":"+m.Dest)
		}
		e.Mounts = append(e.Mounts, m)
	}
	for i := range r.IntN(3) {
		s := Secret{ID: r.one("s", "t"), Target: fmt.Sprintf("/secret%d", i), Optional: r.chance(3)}
		if r.chance(2) {
			s.Env = fmt.Sprint("S", i)
		}
		if r.chance(3) && s.Env != "" {
			s.Target = ""
		}
		if r.chance(3) {
			s.UID, s.GID, s.Mode = r.IntN(9), r.IntN(9), 0o440
		}
		e.Secrets = append(e.Secrets, s)
	}
	for range r.IntN(2) {
		e.SSH = append(e.SSH, Secret{ID: r.one("", "default"), Optional: r.chance(3)})
	}
	if outputs == nil {
		// Something has to come out of it.
		e.Mounts = append(e.Mounts, Mount{Dest: "/result"})
		outputs = []string{":/result"}
	}
	return outputs
}

func (r random) file(ref, maybe func() string, depth int) *File {
	f := &File{On: maybe()}
	owner := func() string {
		if f.On == "" {
			return r.one("", "1:2")
		}
		return r.one("", "1:2", "www-data", "a:0")
	}
	for range 1 + r.IntN(4) {
		a := Action{}
		switch r.IntN(7) {
		case 0, 1, 2:
			a.Copy = &Copy{From: maybe(), Src: r.path(), Dest: r.path(), Owner: owner(), Follow: r.chance(3), Contents: r.chance(3), Parents: r.chance(3), Unpack: r.chance(6),
				Wildcard: r.chance(4), Include: r.some("a", "b"), Exclude: r.some("c"), Replace: r.chance(6), Time: r.time()}
			if depth > 0 && r.chance(3) {
				a.Copy.From, a.Copy.Files = "", r.file(ref, maybe, depth-1)
			}
			if r.chance(3) {
				a.Copy.Mode = ptr(uint32(r.IntN(0o10000)))
			} else if r.chance(4) {
				a.Copy.ModeStr = "go-w"
			}
		case 3:
			a.MkFile = &MkFile{Path: r.path(), Mode: uint32(r.IntN(0o1000)), Data: []byte(r.one("", "x", "ü\x00")), Owner: owner(), Time: r.time()}
		case 4:
			a.MkDir = &MkDir{Path: r.path(), Mode: uint32(r.IntN(0o1000)), Parents: r.chance(2), Owner: owner(), Time: r.time()}
		case 5:
			a.Rm = &Rm{Path: r.path(), NotFound: r.chance(2), Wildcard: r.chance(3)}
		default:
			a.Symlink = &Symlink{Target: r.path(), Link: r.path(), Owner: owner(), Time: r.time()}
		}
		f.Actions = append(f.Actions, a)
	}
	return f
}
