// The vectors that people thought of: every kind of op, every option once, and graphs made of them.
package main

import (
	"fmt"
	"strings"
)

const (
	amd64    = "linux/amd64"
	debian   = "docker.io/library/debian:bookworm-slim"
	checksum = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	commit   = "73ed6825c4b7569379ef89df0aedcdbe64473d31"
	hostKey  = "example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN"
	armoured = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF/ü<&>\n-----END PGP PUBLIC KEY BLOCK-----\n"
)

func image() Node     { return Node{Image: &Image{Ref: debian}, Platform: amd64} }
func directory() Node { return Node{Local: &Local{Name: "context", Session: "session"}} }

func ptr[T any](v T) *T { return &v }

func cases() []Vector {
	var all []Vector
	add := func(name string, recipe Recipe) { all = append(all, Vector{Name: name, Recipe: recipe}) }
	alone := func(name string, node Node) { add(name, Recipe{Nodes: []Node{node}, Root: "0"}) }
	add("scratch", Recipe{})
	for _, c := range sources() {
		alone("source/"+c.name, c.node)
	}
	for _, c := range execs() {
		v := Exec{Root: "0", Args: []string{"/bin/true"}}
		c.change(&v)
		node := Node{Exec: &v, Platform: amd64}
		add("exec/"+c.name, Recipe{Nodes: []Node{image(), directory(), node}, Root: "2" + c.root})
	}
	for _, c := range actions() {
		node := Node{File: &File{On: "0", Actions: c.actions}}
		add("file/"+c.name, Recipe{Nodes: []Node{image(), directory(), node}, Root: "2"})
		// Without a base, unless a name would have nothing to be looked up in.
		if !strings.Contains(c.name, "named") {
			node := Node{File: &File{Actions: c.actions}}
			add("file/scratch/"+c.name, Recipe{Nodes: []Node{image(), directory(), node}, Root: "2"})
		}
	}
	for _, c := range notes() {
		node := Node{Exec: &Exec{Root: "0", Args: []string{"/bin/true"}}, Platform: amd64}
		c.change(&node)
		files := []SourceFile{{Name: "spec.yaml", Language: "YAML", Data: "a: 1\nb: 2\n"}, {Name: "other.toml"}}
		add("note/"+c.name, Recipe{Files: files, Nodes: []Node{image(), node}, Root: "1"})
	}
	for _, kind := range kinds() {
		kind.node.Require = []string{"labels.os==linux", "id~=^a"}
		kind.node.Name, kind.node.IgnoreCache = "a name", true
		add("note/on "+kind.name, Recipe{Nodes: []Node{image(), directory(), kind.node}, Root: "2" + kind.root})
	}
	for _, p := range []string{
		"linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/amd64/v3", "linux/386", "linux/riscv64", "linux/s390x", "linux/ppc64le",
		"darwin/arm64", "windows/amd64", "windows/amd64//10.0.17763.5329", "windows/amd64//10.0.20348/win32k,other",
	} {
		exec := Node{Exec: &Exec{Root: "0", Args: []string{"x"}}, Platform: p}
		add("platform/"+p, Recipe{Nodes: []Node{{Image: &Image{Ref: debian}, Platform: p}, exec}, Root: "1"})
	}
	for name, change := range map[string]func(*Node){
		"plain":   func(*Node) {},
		"env":     func(n *Node) { n.Exec.Env = [][2]string{{"Z", "1"}, {"A", ""}} },
		"path":    func(n *Node) { n.Exec.Env = [][2]string{{"PATH", "/opt"}, {"A", ""}} },
		"ssh":     func(n *Node) { n.Exec.SSH = []Secret{{ID: "a"}} },
		"windows": func(n *Node) { n.Platform = "windows/amd64" },
	} {
		exec := Node{Exec: &Exec{Root: "0", Args: []string{"x"}}, Platform: amd64}
		change(&exec)
		add("no default path/"+name, Recipe{Nodes: []Node{image(), exec}, Root: "1", NoPath: true})
	}
	for _, c := range graphs() {
		add("graph/"+c.Name, c.Recipe)
	}
	return all
}

type sourceCase struct {
	name string
	node Node
}

func sources() []sourceCase {
	var all []sourceCase
	img := func(name string, v Image) {
		all = append(all, sourceCase{"image/" + name, Node{Image: &v, Platform: amd64}})
	}
	img("tag", Image{Ref: debian})
	img("digest", Image{Ref: "docker.io/library/debian@" + checksum})
	img("tag and digest", Image{Ref: debian + "@" + checksum})
	img("port", Image{Ref: "localhost:5000/a/b:c"})
	img("pull", Image{Ref: debian, Resolve: "pull"})
	img("local", Image{Ref: debian, Resolve: "local"})
	img("internal", Image{Ref: debian, Record: "internal"})
	img("frontend", Image{Ref: debian, Record: "frontend"})
	img("layers", Image{Ref: debian, Layers: 3})
	img("checksum", Image{Ref: debian, Checksum: checksum})
	img("everything", Image{Ref: debian, Resolve: "pull", Record: "internal", Layers: 1, Checksum: checksum})

	oci := func(name string, v OCILayout) {
		all = append(all, sourceCase{"oci/" + name, Node{OCI: &v, Platform: "linux/arm64"}})
	}
	oci("plain", OCILayout{Ref: "example.com/app@" + checksum})
	oci("session", OCILayout{Ref: "example.com/app@" + checksum, Session: "s"})
	oci("store", OCILayout{Ref: "example.com/app@" + checksum, Session: "s", Store: "t"})
	oci("layers", OCILayout{Ref: "example.com/app@" + checksum, Layers: 12})

	blob := func(name string, v Blob) {
		v.Ref = "docker.io/library/model@" + checksum
		all = append(all, sourceCase{"blob/" + name, Node{Blob: &v}})
		v2 := v
		v2.OCI = true
		all = append(all, sourceCase{"blob/oci/" + name, Node{Blob: &v2}})
	}
	blob("plain", Blob{})
	blob("filename", Blob{Filename: "a b.bin"})
	blob("perm", Blob{Perm: 0o755})
	blob("owner", Blob{UID: 1000, GID: 1001})
	all = append(all, sourceCase{"blob/oci/store", Node{Blob: &Blob{Ref: "docker.io/library/model@" + checksum, OCI: true, Session: "s", Store: "t"}}})

	loc := func(name string, v Local) {
		v.Name = "context"
		if v.Unique == "" && name != "session" {
			v.Session = "abc"
		}
		all = append(all, sourceCase{"local/" + name, Node{Local: &v}})
	}
	loc("session", Local{Session: "5xkz1p"})
	loc("unique", Local{Unique: "salt"})
	loc("include", Local{Include: []string{"src", "**/*.py"}})
	loc("exclude", Local{Exclude: []string{".git", "!.git/HEAD"}})
	loc("follow", Local{Follow: []string{"a", "b/c"}})
	loc("hint", Local{Hint: "context-hint"})
	loc("differ none", Local{Differ: "none"})
	loc("differ metadata", Local{Differ: "metadata"})
	loc("differ required", Local{Differ: "none", Required: true})
	loc("metadata only", Local{Metadata: true})
	loc("metadata except", Local{Metadata: true, Except: []string{"a", "b&c"}})
	loc("everything", Local{Include: []string{"a"}, Exclude: []string{"b"}, Follow: []string{"c"}, Hint: "h", Differ: "metadata", Metadata: true, Except: []string{"d"}})
	loc("text for html", Local{Include: []string{"a<b>c&d", "\u2028\u2029", "tab\tquote\"back\\slash", "\x01\x08\x0c\x1f\x7f", "ü🦀", ""}})

	git := func(name string, v Git) {
		if v.URL == "" {
			v.URL = "https://example.com/a/b.git"
		}
		all = append(all, sourceCase{"git/" + name, Node{Git: &v}})
	}
	git("plain", Git{})
	git("ref", Git{Ref: "main"})
	git("tag", Git{Ref: "refs/tags/v1.0"})
	git("commit", Git{Ref: commit})
	git("subdir", Git{Subdir: "docs"})
	git("ref and subdir", Git{Ref: "main", Subdir: "docs/reference"})
	git("keep", Git{Keep: true})
	git("token", Git{Token: "MY_TOKEN"})
	git("header", Git{Header: "MY_HEADER"})
	git("token and header", Git{Token: "T", Header: "H"})
	git("checksum", Git{Checksum: commit})
	git("skip submodules", Git{Skip: true})
	git("mtime commit", Git{MTime: "commit"})
	git("mtime checkout", Git{MTime: "checkout"})
	git("by commit", Git{Ref: "main", Checksum: commit, ByCommit: true})
	git("bundle", Git{Checksum: commit, Bundle: "docker-image+blob://docker.io/library/bundle@" + checksum})
	git("bundle of a store", Git{Checksum: commit, Bundle: "oci-layout+blob://local/bundle@" + checksum, Session: "s", Store: "t"})
	git("checkout bundle", Git{Checkout: true})
	git("signature", Git{Ref: "v1", PubKey: armoured})
	git("signature with rules", Git{Ref: "v1", PubKey: armoured, Expired: true, SignedTag: true, IgnoreTag: true})
	for i, url := range []string{
		"git@example.com:a/b.git", "git@example.com:/srv/git/a.git", "me-2@ex-ample.com:b", "ssh://git@example.com/a.git",
		"ssh://git@example.com:2222/a.git",
	} {
		git(fmt.Sprintf("ssh %d", i), Git{URL: url, Ref: "main", Hosts: hostKey})
	}
	git("ssh hosts with an end", Git{URL: "git@example.com:a.git", Hosts: hostKey + "\n" + hostKey + "\n"})
	git("ssh sock", Git{URL: "git@example.com:a.git", Hosts: hostKey, Sock: "deploy"})
	git("hosts without ssh", Git{Hosts: hostKey, Sock: "deploy"})
	for _, url := range []string{
		"example.com/a", "github.com/moby/buildkit.git", "http://example.com/a.git", "git://example.com/a.git", "HTTPS://example.com/a",
		"https://example.com:8443/a.git", "https://example.com", "https://example.com/", "https://example.com//a//b/../c/", "https://EXAMPLE.com/A",
		"https://me@example.com/a.git", "https://me:pa%20ss@example.com/a.git", "https://me:p!a'(s)*s@example.com/a.git", "https://a@b@example.com/x",
		"https://example.com/a%20b.git", "https://example.com/a b.git", "https://example.com/ü", "https://example.com/%7Ea/%2F", "https://example.com/a!(b)'*",
		"https://example.com/[x]", "https://example.com/a\"b<c>", "https://[::1]:8080/a.git", "https://10.0.0.1/a;b=c,d", "https://example.com/a|b%25", "https://example.com/%c3%bc",
	} {
		git("url "+url, Git{URL: url})
	}

	http := func(name string, v HTTP) {
		if v.URL == "" {
			v.URL = "https://example.com/file.tar.gz?a=b#c"
		}
		all = append(all, sourceCase{"http/" + name, Node{HTTP: &v}})
	}
	http("plain", HTTP{})
	http("without tls", HTTP{URL: "http://buildkit-session/x"})
	http("checksum", HTTP{Checksum: checksum})
	http("filename", HTTP{Filename: "x.tar.gz"})
	http("perm", HTTP{Perm: 0o644})
	http("perm that is small", HTTP{Perm: 0o7})
	http("uid", HTTP{UID: 1000})
	http("gid", HTTP{GID: 1000})
	http("owner", HTTP{UID: 1, GID: 2})
	http("auth", HTTP{Auth: "MY_HEADER"})
	http("accept", HTTP{Accept: "application/json, */*;q=0.1"})
	http("agent", HTTP{Agent: "curl/8"})
	http("headers", HTTP{Accept: "a", Agent: "b"})
	http("signature", HTTP{PubKey: armoured, Signature: "-----BEGIN PGP SIGNATURE-----\n"})
	http("everything", HTTP{Checksum: checksum, Filename: "f", Perm: 0o600, UID: 3, GID: 4, Auth: "h", Accept: "a", Agent: "b", PubKey: armoured, Signature: "s"})
	return all
}

type execCase struct {
	name   string
	root   string
	change func(*Exec)
}

func execs() []execCase {
	var all []execCase
	add := func(name string, change func(*Exec)) { all = append(all, execCase{name, "", change}) }
	at := func(name, root string, change func(*Exec)) { all = append(all, execCase{name, root, change}) }
	add("plain", func(*Exec) {})
	add("args", func(e *Exec) { e.Args = []string{"/bin/sh", "-c", "echo \"$1\"", "--", "", "ü\n"} })
	add("scratch root", func(e *Exec) { e.Root = "" })
	at("readonly root", ":/out", func(e *Exec) { e.ReadOnly = true; e.Mounts = []Mount{{Dest: "/out"}} })
	add("env", func(e *Exec) { e.Env = [][2]string{{"B", "2"}, {"A", "1"}, {"EMPTY", ""}, {"EQ", "a=b"}} })
	add("env twice", func(e *Exec) { e.Env = [][2]string{{"A", "1"}, {"B", "2"}, {"A", "3"}} })
	add("env path", func(e *Exec) { e.Env = [][2]string{{"PATH", "/opt/bin:/bin"}} })
	add("cwd", func(e *Exec) { e.Cwd = "/root/a" })
	add("user", func(e *Exec) { e.User = "www-data:1000" })
	add("hostname", func(e *Exec) { e.Hostname = "builder" })
	add("hosts", func(e *Exec) {
		e.Hosts = [][2]string{{"b.example", "10.0.0.2"}, {"a.example", "::1"}, {"b.example", "10.0.0.3"}}
	})
	add("proxy", func(e *Exec) {
		e.Proxy = &Proxy{HTTP: "http://p:1", HTTPS: "http://p:2", FTP: "http://p:3", No: "localhost,10.0.0.0/8", All: "socks5://p"}
	})
	add("proxy of nothing", func(e *Exec) { e.Proxy = &Proxy{} })
	add("network host", func(e *Exec) { e.Network = "host" })
	add("network none", func(e *Exec) { e.Network = "none" })
	add("insecure", func(e *Exec) { e.Insecure = true })
	add("ulimits", func(e *Exec) { e.Ulimits = []Ulimit{{"nofile", 1024, 4096}, {"core", 0, 0}, {"memlock", -1, -1}} })
	add("cgroup parent", func(e *Exec) { e.Cgroup = "/docker/build" })
	add("exit codes", func(e *Exec) { e.Codes = []int{0, 3, 255} })
	add("exit code", func(e *Exec) { e.Codes = []int{1} })
	add("device", func(e *Exec) { e.Devices = []Device{{"vendor.com/gpu=0", false}} })
	add("devices", func(e *Exec) { e.Devices = []Device{{"vendor.com/gpu=all", true}, {"vendor.com/net", false}} })

	add("secret", func(e *Exec) { e.Secrets = []Secret{{ID: "token", Target: "/run/secrets/token"}} })
	add("secret options", func(e *Exec) {
		e.Secrets = []Secret{{ID: "t", Target: "/t", UID: 1000, GID: 1001, Mode: 0o440, Optional: true}}
	})
	add("secret env", func(e *Exec) { e.Secrets = []Secret{{ID: "token", Env: "TOKEN"}} })
	add("secret env optional", func(e *Exec) { e.Secrets = []Secret{{ID: "token", Env: "TOKEN", Optional: true}} })
	add("secret file and env", func(e *Exec) { e.Secrets = []Secret{{ID: "token", Target: "/t", Env: "TOKEN"}} })
	add("secrets keep their order", func(e *Exec) {
		e.Secrets = []Secret{{ID: "z", Target: "/z"}, {ID: "b", Env: "B"}, {ID: "a", Target: "/a"}, {ID: "c", Env: "A"}}
		e.Mounts = []Mount{{Dest: "/zz"}, {Dest: "/b", From: "1", ReadOnly: true}}
	})
	add("ssh", func(e *Exec) { e.SSH = []Secret{{ID: "default", Target: "/run/agent"}} })
	add("ssh default target", func(e *Exec) { e.SSH = []Secret{{ID: "a"}, {ID: "b"}} })
	add("ssh options", func(e *Exec) { e.SSH = []Secret{{ID: "a", Target: "/s", UID: 1, GID: 2, Mode: 0o660, Optional: true}} })
	add("ssh without id", func(e *Exec) { e.SSH = []Secret{{Target: "/s"}} })
	add("ssh with socket set", func(e *Exec) {
		e.SSH = []Secret{{ID: "a", Target: "/s"}}
		e.Env = [][2]string{{"SSH_AUTH_SOCK", "/mine"}, {"B", ""}}
	})
	add("ssh and secrets", func(e *Exec) {
		e.SSH = []Secret{{ID: "a", Target: "/a"}}
		e.Secrets = []Secret{{ID: "s", Target: "/s"}}
		e.Mounts = []Mount{{Dest: "/t", Tmpfs: true}}
	})

	mount := func(name string, mounts ...Mount) { add("mount/"+name, func(e *Exec) { e.Mounts = mounts }) }
	mount("readonly", Mount{Dest: "/in", From: "1", ReadOnly: true})
	mount("readonly scratch", Mount{Dest: "/in", ReadOnly: true})
	mount("output", Mount{Dest: "/in", From: "1"})
	mount("scratch output", Mount{Dest: "/out"})
	mount("discard", Mount{Dest: "/in", From: "1", Discard: true})
	mount("discard scratch", Mount{Dest: "/in", Discard: true})
	mount("selector", Mount{Dest: "/in", From: "1", ReadOnly: true, Selector: "/a/b"})
	mount("selector writable", Mount{Dest: "/in", From: "1", Selector: "a"})
	mount("root again", Mount{Dest: "/in", From: "0", ReadOnly: true})
	mount("cache shared", Mount{Dest: "/c", Cache: "id"})
	mount("cache private", Mount{Dest: "/c", Cache: "id", Sharing: "private"})
	mount("cache locked", Mount{Dest: "/c", Cache: "a/b:c", Sharing: "locked"})
	mount("cache seeded", Mount{Dest: "/c", Cache: "id", From: "1"})
	mount("cache seeded part", Mount{Dest: "/c", Cache: "id", From: "1", Selector: "/cache"})
	mount("cache readonly", Mount{Dest: "/c", Cache: "id", ReadOnly: true})
	mount("tmpfs", Mount{Dest: "/t", Tmpfs: true})
	mount("tmpfs size", Mount{Dest: "/t", Tmpfs: true, Size: 64 << 20})
	mount("content on", Mount{Dest: "/in", From: "1", ReadOnly: true, Content: "on"})
	mount("content off", Mount{Dest: "/in", From: "1", ReadOnly: true, Content: "off"})
	mount("content of output", Mount{Dest: "/in", From: "1", Content: "off"})
	mount("sorted", Mount{Dest: "/z"}, Mount{Dest: "/a"}, Mount{Dest: "/a/b"}, Mount{Dest: "/B"}, Mount{Dest: "/a.b"}, Mount{Dest: "/ü"})
	for _, out := range []string{"", ":/z", ":/a", ":/m"} {
		at("output "+out, out, func(e *Exec) {
			e.Mounts = []Mount{{Dest: "/z"}, {Dest: "/m", From: "1"}, {Dest: "/a"}, {Dest: "/c", Cache: "c"}, {Dest: "/r", From: "1", ReadOnly: true}, {Dest: "/d", Discard: true}}
		})
	}
	add("everything", func(e *Exec) {
		e.Env = [][2]string{{"A", "1"}}
		e.Cwd, e.User, e.Hostname, e.Cgroup, e.Network, e.Insecure = "/w", "1:2", "h", "/c", "host", true
		e.Hosts = [][2]string{{"a", "1.2.3.4"}}
		e.Proxy = &Proxy{HTTP: "p"}
		e.Ulimits = []Ulimit{{"nofile", 1, 2}}
		e.Codes = []int{0, 1}
		e.Devices = []Device{{"d", true}}
		e.Secrets = []Secret{{ID: "s", Target: "/s", Env: "S"}}
		e.SSH = []Secret{{ID: "a"}}
		e.Mounts = []Mount{{Dest: "/c", Cache: "c"}, {Dest: "/t", Tmpfs: true, Size: 1}, {Dest: "/i", From: "1", ReadOnly: true, Selector: "x", Content: "on"}}
	})
	return all
}

type fileCase struct {
	name    string
	actions []Action
}

func actions() []fileCase {
	var all []fileCase
	add := func(name string, actions ...Action) { all = append(all, fileCase{name, actions}) }
	cp := func(name string, v Copy) {
		v.From = "1"
		if v.Src == "" {
			v.Src, v.Dest = "/src", "/dest"
		}
		add("copy/"+name, Action{Copy: &v})
	}
	cp("plain", Copy{})
	cp("into", Copy{Src: "/a", Dest: "/b/"})
	cp("into dot", Copy{Src: "/a", Dest: "/b/."})
	cp("root", Copy{Src: "/", Dest: "/"})
	cp("root dot", Copy{Src: "/.", Dest: "/."})
	cp("unclean", Copy{Src: "//a/./b/../c/", Dest: "/x//y/../z//"})
	cp("above", Copy{Src: "/../a", Dest: "/../../b/"})
	cp("owner ids", Copy{Owner: "1000:1001"})
	cp("owner id", Copy{Owner: "1000"})
	cp("owner root", Copy{Owner: "root:root"})
	cp("owner named", Copy{Owner: "www-data:staff"})
	cp("owner named user", Copy{Owner: "www-data"})
	cp("owner named with gid", Copy{Owner: "www-data:33"})
	cp("owner group only", Copy{Owner: ":33"})
	cp("owner negative", Copy{Owner: "-1:+5"})
	cp("mode", Copy{Mode: ptr(uint32(0o644))})
	cp("mode zero", Copy{Mode: ptr(uint32(0))})
	cp("mode setuid", Copy{Mode: ptr(uint32(0o4755))})
	cp("mode words", Copy{ModeStr: "u=rwX,go=rX"})
	cp("follow", Copy{Follow: true})
	cp("contents", Copy{Contents: true})
	cp("unpack", Copy{Unpack: true})
	cp("parents", Copy{Parents: true})
	cp("wildcard", Copy{Src: "/*.txt", Dest: "/t/", Wildcard: true})
	cp("allow empty", Copy{Src: "/*.txt", Dest: "/t/", Wildcard: true, AllowEmpty: true})
	cp("include", Copy{Include: []string{"*.py", "a/**"}})
	cp("exclude", Copy{Exclude: []string{"*.pyc"}})
	cp("include and exclude", Copy{Include: []string{"b", "a"}, Exclude: []string{"d", "c", "!e"}})
	cp("required", Copy{Include: []string{"a"}, Required: []string{"a", "b"}})
	cp("replace", Copy{Replace: true})
	cp("time", Copy{Time: ptr(int64(1700000000123456789))})
	cp("time zero", Copy{Time: ptr(int64(0))})
	cp("time before 1970", Copy{Time: ptr(int64(-5_000_000_000))})
	cp("everything", Copy{Owner: "1:2", Mode: ptr(uint32(0o600)), Follow: true, Contents: true, Unpack: true, Parents: true, Wildcard: true, AllowEmpty: true,
		Include: []string{"i"}, Exclude: []string{"e"}, Required: []string{"r"}, Replace: true, Time: ptr(int64(1))})
	cp("dockerfile", Copy{Follow: true, Contents: true, Parents: true, Wildcard: true, AllowEmpty: true, Src: "/app", Dest: "/srv/app/"})
	add("copy/from scratch", Action{Copy: &Copy{Src: "/a", Dest: "/b"}})
	add("copy/from the base", Action{Copy: &Copy{From: "0", Src: "/a", Dest: "/b"}})

	inner := func(on string, actions ...Action) *File { return &File{On: on, Actions: actions} }
	mk := func(path string) Action { return Action{MkFile: &MkFile{Path: path, Mode: 0o644, Data: []byte(path)}} }
	add("nested/made", Action{Copy: &Copy{Files: inner("", mk("/a")), Src: "/a", Dest: "/b"}})
	add("nested/on the local", Action{Copy: &Copy{Files: inner("1", mk("/a")), Src: "/a", Dest: "/b"}})
	add("nested/on the base", Action{Copy: &Copy{Files: inner("0", mk("/a"), mk("/b")), Src: "/", Dest: "/c"}})
	add("nested/between", mk("/x"), Action{Copy: &Copy{Files: inner("1", mk("/a"), mk("/b")), Src: "/", Dest: "/c"}}, mk("/y"))
	add("nested/twice", Action{Copy: &Copy{Files: inner("", mk("/a")), Src: "/a", Dest: "/b"}}, Action{Copy: &Copy{Files: inner("1", mk("/c")), Src: "/c", Dest: "/d"}})
	add("nested/deep", Action{Copy: &Copy{Src: "/2", Dest: "/3", Files: inner("", Action{Copy: &Copy{Src: "/1", Dest: "/2", Files: inner("1", mk("/1"))}}, mk("/x"))}})
	add("nested/named", Action{Copy: &Copy{Files: inner("0", Action{MkDir: &MkDir{Path: "/d", Mode: 0o700, Owner: "www-data"}}), Src: "/d", Dest: "/e", Owner: "daemon:daemon"}})

	add("mkfile/plain", mk("/a"))
	add("mkfile/empty", Action{MkFile: &MkFile{Path: "/a", Mode: 0o600}})
	add("mkfile/bytes", Action{MkFile: &MkFile{Path: "/a", Mode: 0o777, Data: []byte{0, 255, 10, 128}}})
	add("mkfile/no mode", Action{MkFile: &MkFile{Path: "/a"}})
	add("mkfile/owner", Action{MkFile: &MkFile{Path: "/a", Mode: 0o644, Owner: "0:5"}})
	add("mkfile/owner named", Action{MkFile: &MkFile{Path: "/a", Mode: 0o644, Owner: "a:b"}})
	add("mkfile/time", Action{MkFile: &MkFile{Path: "/a", Mode: 0o644, Time: ptr(int64(0))}})
	add("mkfile/unclean", Action{MkFile: &MkFile{Path: "/a/../b//c/", Mode: 0o644}})
	add("mkdir/plain", Action{MkDir: &MkDir{Path: "/d", Mode: 0o755}})
	add("mkdir/parents", Action{MkDir: &MkDir{Path: "/d/e/f", Mode: 0o755, Parents: true}})
	add("mkdir/owner", Action{MkDir: &MkDir{Path: "/d", Mode: 0o700, Owner: "1000:1000"}})
	add("mkdir/owner named", Action{MkDir: &MkDir{Path: "/d", Mode: 0o700, Owner: "a"}})
	add("mkdir/time", Action{MkDir: &MkDir{Path: "/d", Mode: 0o755, Time: ptr(int64(1e18))}})
	add("rm/plain", Action{Rm: &Rm{Path: "/a"}})
	add("rm/not found", Action{Rm: &Rm{Path: "/a", NotFound: true}})
	add("rm/wildcard", Action{Rm: &Rm{Path: "/var/log/*.log", Wildcard: true}})
	add("rm/unclean", Action{Rm: &Rm{Path: "/a/", NotFound: true, Wildcard: true}})
	add("symlink/plain", Action{Symlink: &Symlink{Target: "../b", Link: "/a"}})
	add("symlink/unclean", Action{Symlink: &Symlink{Target: "/x//y/", Link: "/a//b"}})
	add("symlink/owner", Action{Symlink: &Symlink{Target: "b", Link: "/a", Owner: "1:1"}})
	add("symlink/owner named", Action{Symlink: &Symlink{Target: "b", Link: "/a", Owner: "a:b"}})
	add("symlink/time", Action{Symlink: &Symlink{Target: "b", Link: "/a", Time: ptr(int64(42))}})
	add("chain", Action{MkDir: &MkDir{Path: "/a", Mode: 0o755}}, mk("/a/b"), Action{Copy: &Copy{From: "1", Src: "/s", Dest: "/a/"}},
		Action{Symlink: &Symlink{Target: "b", Link: "/a/c"}}, Action{Rm: &Rm{Path: "/a/b"}})
	add("copies", Action{Copy: &Copy{From: "1", Src: "/s", Dest: "/a"}}, Action{Copy: &Copy{From: "0", Src: "/t", Dest: "/b"}}, Action{Copy: &Copy{From: "1", Src: "/u", Dest: "/c"}})
	return all
}

type noteCase struct {
	name   string
	change func(*Node)
}

func notes() []noteCase {
	return []noteCase{
		{"name", func(n *Node) { n.Name = "[apt] git, curl ü" }},
		{"description", func(n *Node) {
			n.Description = map[string]string{"com.docker.dockerfile.v1.command": "RUN x", "a": "", "": "z"}
		}},
		{"name and description", func(n *Node) { n.Name = "n"; n.Description = map[string]string{"b": "2", "a": "1"} }},
		{"ignore cache", func(n *Node) { n.IgnoreCache = true }},
		{"export cache", func(n *Node) { n.ExportCache = ptr(true) }},
		{"no export cache", func(n *Node) { n.ExportCache = ptr(false) }},
		{"group", func(n *Node) { n.Group = &Group{ID: "g", Name: "group"} }},
		{"weak group", func(n *Node) { n.Group = &Group{ID: "g", Name: "group", Weak: true} }},
		{"memory", func(n *Node) { n.Resources = &Resources{Memory: 1 << 30} }},
		{"resources", func(n *Node) {
			n.Resources = &Resources{Memory: 1 << 30, MemorySwap: -1, CPUShares: 512, CPUPeriod: 100000, CPUQuota: 50000, CpusetCpus: "0-3", CpusetMems: "0,1"}
		}},
		{"no resources", func(n *Node) { n.Resources = &Resources{} }},
		{"require", func(n *Node) { n.Require = []string{"b==2", "a==1"} }},
		{"caps", func(n *Node) { n.Caps = []string{"file.symlink.create", "exec.cgroup"} }},
		{"place", func(n *Node) { n.At = [][5]int32{{0, 1, 0, 1, 4}} }},
		{"places", func(n *Node) { n.At = [][5]int32{{0, 2, 0, 2, 4}, {0, 1, 0, 1, 4}, {1, 3, 1, 9, 0}, {0, 1, 0, 1, 4}} }},
		{"everything", func(n *Node) {
			n.Name, n.IgnoreCache, n.ExportCache = "n", true, ptr(false)
			n.Description = map[string]string{"k": "v"}
			n.Group = &Group{ID: "g", Name: "group"}
			n.Resources = &Resources{CPUShares: 2}
			n.Require = []string{"x"}
			n.At = [][5]int32{{1, 1, 0, 1, 0}}
		}},
	}
}

type kindCase struct {
	name, root string
	node       Node
}

func kinds() []kindCase {
	return []kindCase{
		{"image", "", Node{Image: &Image{Ref: debian}, Platform: amd64}},
		{"oci", "", Node{OCI: &OCILayout{Ref: "a@" + checksum}, Platform: amd64}},
		{"blob", "", Node{Blob: &Blob{Ref: "docker.io/library/a@" + checksum}}},
		{"local", "", Node{Local: &Local{Name: "l", Session: "s"}}},
		{"git", "", Node{Git: &Git{URL: "https://example.com/a.git"}}},
		{"http", "", Node{HTTP: &HTTP{URL: "https://example.com/a"}}},
		{"exec", "", Node{Exec: &Exec{Root: "0", Args: []string{"x"}}, Platform: amd64}},
		{"file", "", Node{File: &File{On: "0", Actions: []Action{{Rm: &Rm{Path: "/a"}}}}}},
		{"merge", "", Node{Merge: []string{"0", "1"}}},
		{"diff", "", Node{Diff: []string{"0", "1"}}},
		{"build", "", Node{Build: &Build{From: "1"}, Platform: amd64}},
		{"pass", "#0", Node{Pass: &Pass{ID: "p", Inputs: []PassInput{{"0", true}, {"1", false}}}}},
	}
}

func graphs() []Vector {
	var all []Vector
	add := func(name, root string, nodes ...Node) {
		all = append(all, Vector{Name: name, Recipe: Recipe{Nodes: nodes, Root: root}})
	}
	run := func(root string, args ...string) Node {
		return Node{Exec: &Exec{Root: root, Args: args}, Platform: amd64}
	}
	add("merge/two", "2", image(), directory(), Node{Merge: []string{"0", "1"}})
	add("merge/three", "3", image(), directory(), run("0", "a"), Node{Merge: []string{"0", "1", "2"}})
	add("merge/equal inputs", "1", image(), Node{Merge: []string{"0", "0", "0"}})
	add("merge/with scratch", "2", image(), directory(), Node{Merge: []string{"", "0", "", "1"}})
	add("merge/alone", "1", image(), Node{Merge: []string{"", "0"}})
	add("merge/nothing", "0", Node{Merge: []string{"", ""}})
	add("diff/two", "2", image(), run("0", "a"), Node{Diff: []string{"0", "1"}})
	add("diff/equal", "1", image(), Node{Diff: []string{"0", "0"}})
	add("diff/to scratch", "1", image(), Node{Diff: []string{"0", ""}})
	add("diff/from scratch", "1", image(), Node{Diff: []string{"", "0"}})
	add("diff/nothing", "0", Node{Diff: []string{"", ""}})
	add("build/plain", "1", directory(), Node{Build: &Build{From: "0"}, Platform: amd64})
	add("build/filename", "1", directory(), Node{Build: &Build{From: "0", Filename: "plan.pb"}, Platform: "linux/arm64"})
	add("build/of a mount", "2", image(), Node{Exec: &Exec{Root: "0", Args: []string{"gen"}, Mounts: []Mount{{Dest: "/out"}}}, Platform: amd64}, Node{Build: &Build{From: "1:/out"}, Platform: amd64})
	add("pass/one", "1#0", image(), Node{Pass: &Pass{ID: "p", Inputs: []PassInput{{"0", true}}}})
	add("pass/after", "3#0", image(), run("0", "a"), run("0", "b"), Node{Pass: &Pass{ID: "p", Inputs: []PassInput{{"1", true}, {"2", false}}}})
	add("pass/second", "3#1", image(), run("0", "a"), run("0", "b"), Node{Pass: &Pass{ID: "p", Inputs: []PassInput{{"0", true}, {"1", false}, {"2", true}}}})
	add("pass/with scratch", "1#0", image(), Node{Pass: &Pass{ID: "p", Inputs: []PassInput{{"", false}, {"0", true}, {"0", false}}}})
	add("pass/used", "3", image(), run("0", "a"), Node{Pass: &Pass{ID: "p", Inputs: []PassInput{{"0", true}, {"1", false}}}}, run("2#0", "b"))
	add("chain of execs", "4", image(), run("0", "a"), run("1", "b"), run("2", "c"), run("3", "d"))
	add("same op twice", "3", image(), run("0", "a"), run("0", "a"), Node{Merge: []string{"1", "2"}})
	add("branches", "6", image(), run("0", "a"), run("0", "b"), Node{Diff: []string{"0", "1"}}, Node{Diff: []string{"0", "2"}}, directory(), Node{Merge: []string{"0", "3", "4", "5"}})
	add("two outputs of one exec", "2", image(),
		Node{Exec: &Exec{Root: "0", Args: []string{"a"}, Mounts: []Mount{{Dest: "/a"}, {Dest: "/b"}}}, Platform: amd64}, Node{Merge: []string{"1:/b", "1:/a", "1"}})
	add("one exec mounted twice", "2", image(),
		Node{Exec: &Exec{Root: "0", Args: []string{"a"}, Mounts: []Mount{{Dest: "/a"}, {Dest: "/b"}}}, Platform: amd64},
		Node{Exec: &Exec{Root: "1", Args: []string{"b"}, Mounts: []Mount{{Dest: "/x", From: "1:/a", ReadOnly: true}, {Dest: "/y", From: "1:/b", ReadOnly: true}, {Dest: "/z", From: "1:/a", ReadOnly: true}}}, Platform: amd64})
	add("unused nodes", "0", image(), run("0", "a"))
	add("copies from many", "5", image(), directory(), run("0", "a"), run("0", "b"), run("0", "c"), Node{File: &File{On: "0", Actions: []Action{
		{Copy: &Copy{From: "4", Src: "/", Dest: "/4"}}, {Copy: &Copy{From: "2", Src: "/", Dest: "/2"}}, {Copy: &Copy{From: "3", Src: "/", Dest: "/3"}}, {Copy: &Copy{From: "1", Src: "/", Dest: "/1"}},
	}}})
	add("many platforms", "4", Node{Image: &Image{Ref: debian}, Platform: "linux/arm64"}, Node{Image: &Image{Ref: debian}, Platform: amd64},
		Node{Exec: &Exec{Root: "0", Args: []string{"a"}}, Platform: "linux/arm64"}, Node{Exec: &Exec{Root: "1", Args: []string{"a"}}, Platform: amd64}, Node{Merge: []string{"2", "3"}})
	return all
}
