// Recipes: graphs as data, which this program builds with BuildKit's client/llb and llb/tests/vectors builds with this
// repository's crate. Nothing here knows what bytes are right.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/llbbuild"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	apicapspb "github.com/moby/buildkit/util/apicaps/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Recipe is a graph: nodes refer to earlier ones only. References are "" for an empty filesystem, "3" for the result of
// node 3 (the rootfs of an exec), "3:/dest" for a mount of an exec, "3#1" for an output of a passthrough.
type Recipe struct {
	Files []SourceFile `json:"files,omitempty"`
	Nodes []Node       `json:"nodes,omitempty"`
	Root  string       `json:"root"`
	// NoPath is a daemon that does not set the default PATH.
	NoPath bool `json:"nopath,omitempty"`
}

type SourceFile struct {
	Name     string `json:"name"`
	Language string `json:"language,omitempty"`
	Data     string `json:"data,omitempty"`
}

// Node has exactly one of the kinds set.
type Node struct {
	Image *Image     `json:"image,omitempty"`
	OCI   *OCILayout `json:"oci,omitempty"`
	Blob  *Blob      `json:"blob,omitempty"`
	Local *Local     `json:"local,omitempty"`
	Git   *Git       `json:"git,omitempty"`
	HTTP  *HTTP      `json:"http,omitempty"`
	Exec  *Exec      `json:"exec,omitempty"`
	File  *File      `json:"file,omitempty"`
	Merge []string   `json:"merge,omitempty"`
	Diff  []string   `json:"diff,omitempty"`
	Build *Build     `json:"build,omitempty"`
	Pass  *Pass      `json:"pass,omitempty"`

	// Platform is os/architecture[/variant[/osversion[/feature,…]]], for the kinds that have one.
	Platform string   `json:"platform,omitempty"`
	Require  []string `json:"require,omitempty"`

	Name        string            `json:"name,omitempty"`
	Description map[string]string `json:"description,omitempty"`
	IgnoreCache bool              `json:"ignorecache,omitempty"`
	ExportCache *bool             `json:"exportcache,omitempty"`
	Group       *Group            `json:"group,omitempty"`
	Resources   *Resources        `json:"resources,omitempty"`
	// At are places: file, first line and character, last line and character.
	At [][5]int32 `json:"at,omitempty"`
	// Caps are declared beside the op's own.
	Caps []string `json:"caps,omitempty"`
}

type Group struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Weak bool   `json:"weak,omitempty"`
}

type Resources struct {
	Memory     int64  `json:"memory,omitempty"`
	MemorySwap int64  `json:"memoryswap,omitempty"`
	CPUShares  uint64 `json:"cpushares,omitempty"`
	CPUPeriod  uint64 `json:"cpuperiod,omitempty"`
	CPUQuota   int64  `json:"cpuquota,omitempty"`
	CpusetCpus string `json:"cpusetcpus,omitempty"`
	CpusetMems string `json:"cpusetmems,omitempty"`
}

type Image struct {
	Ref      string `json:"ref"`
	Resolve  string `json:"resolve,omitempty"`
	Record   string `json:"record,omitempty"`
	Layers   int    `json:"layers,omitempty"`
	Checksum string `json:"checksum,omitempty"`
}

type OCILayout struct {
	Ref     string `json:"ref"`
	Session string `json:"session,omitempty"`
	Store   string `json:"store,omitempty"`
	Layers  int    `json:"layers,omitempty"`
}

type Blob struct {
	Ref      string `json:"ref"`
	OCI      bool   `json:"oci,omitempty"`
	Session  string `json:"session,omitempty"`
	Store    string `json:"store,omitempty"`
	Filename string `json:"filename,omitempty"`
	Perm     uint32 `json:"perm,omitempty"`
	UID      uint32 `json:"uid,omitempty"`
	GID      uint32 `json:"gid,omitempty"`
}

type Local struct {
	Name    string `json:"name"`
	Session string `json:"session,omitempty"`
	// Unique is needed where there is no session: the client would take a random one.
	Unique   string   `json:"unique,omitempty"`
	Include  []string `json:"include,omitempty"`
	Exclude  []string `json:"exclude,omitempty"`
	Follow   []string `json:"follow,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	Differ   string   `json:"differ,omitempty"`
	Required bool     `json:"required,omitempty"`
	Metadata bool     `json:"metadata,omitempty"`
	Except   []string `json:"except,omitempty"`
}

type Git struct {
	URL       string `json:"url"`
	Ref       string `json:"ref,omitempty"`
	Subdir    string `json:"subdir,omitempty"`
	Keep      bool   `json:"keep,omitempty"`
	Token     string `json:"token,omitempty"`
	Header    string `json:"header,omitempty"`
	Hosts     string `json:"hosts,omitempty"`
	Sock      string `json:"sock,omitempty"`
	Checksum  string `json:"checksum,omitempty"`
	Skip      bool   `json:"skip,omitempty"`
	MTime     string `json:"mtime,omitempty"`
	ByCommit  bool   `json:"bycommit,omitempty"`
	Bundle    string `json:"bundle,omitempty"`
	Session   string `json:"session,omitempty"`
	Store     string `json:"store,omitempty"`
	Checkout  bool   `json:"checkout,omitempty"`
	PubKey    string `json:"pubkey,omitempty"`
	Expired   bool   `json:"expired,omitempty"`
	SignedTag bool   `json:"signedtag,omitempty"`
	IgnoreTag bool   `json:"ignoretag,omitempty"`
}

type HTTP struct {
	URL       string `json:"url"`
	Checksum  string `json:"checksum,omitempty"`
	Filename  string `json:"filename,omitempty"`
	Perm      uint32 `json:"perm,omitempty"`
	UID       uint32 `json:"uid,omitempty"`
	GID       uint32 `json:"gid,omitempty"`
	Auth      string `json:"auth,omitempty"`
	Accept    string `json:"accept,omitempty"`
	Agent     string `json:"agent,omitempty"`
	PubKey    string `json:"pubkey,omitempty"`
	Signature string `json:"signature,omitempty"`
}

type Exec struct {
	Root     string      `json:"root"`
	ReadOnly bool        `json:"readonly,omitempty"`
	Args     []string    `json:"args"`
	Env      [][2]string `json:"env,omitempty"`
	Cwd      string      `json:"cwd,omitempty"`
	User     string      `json:"user,omitempty"`
	Hostname string      `json:"hostname,omitempty"`
	Hosts    [][2]string `json:"hosts,omitempty"`
	Proxy    *Proxy      `json:"proxy,omitempty"`
	Network  string      `json:"network,omitempty"`
	Insecure bool        `json:"insecure,omitempty"`
	Secrets  []Secret    `json:"secrets,omitempty"`
	SSH      []Secret    `json:"ssh,omitempty"`
	Devices  []Device    `json:"devices,omitempty"`
	Ulimits  []Ulimit    `json:"ulimits,omitempty"`
	Cgroup   string      `json:"cgroup,omitempty"`
	Codes    []int       `json:"codes,omitempty"`
	Mounts   []Mount     `json:"mounts,omitempty"`
}

type Proxy struct {
	HTTP  string `json:"http,omitempty"`
	HTTPS string `json:"https,omitempty"`
	FTP   string `json:"ftp,omitempty"`
	No    string `json:"no,omitempty"`
	All   string `json:"all,omitempty"`
}

// Secret is a secret or, with its target a socket, an agent. Mode 0 is the client's default.
type Secret struct {
	ID       string `json:"id"`
	Target   string `json:"target,omitempty"`
	Env      string `json:"env,omitempty"`
	UID      int    `json:"uid,omitempty"`
	GID      int    `json:"gid,omitempty"`
	Mode     int    `json:"mode,omitempty"`
	Optional bool   `json:"optional,omitempty"`
}

type Device struct {
	Name     string `json:"name"`
	Optional bool   `json:"optional,omitempty"`
}

type Ulimit struct {
	Name string `json:"name"`
	Soft int64  `json:"soft"`
	Hard int64  `json:"hard"`
}

type Mount struct {
	Dest     string `json:"dest"`
	From     string `json:"from,omitempty"`
	ReadOnly bool   `json:"readonly,omitempty"`
	Discard  bool   `json:"discard,omitempty"`
	Selector string `json:"selector,omitempty"`
	Cache    string `json:"cache,omitempty"`
	Sharing  string `json:"sharing,omitempty"`
	Tmpfs    bool   `json:"tmpfs,omitempty"`
	Size     int64  `json:"size,omitempty"`
	Content  string `json:"content,omitempty"`
}

type File struct {
	On      string   `json:"on"`
	Actions []Action `json:"actions"`
}

// Action has exactly one of the kinds set.
type Action struct {
	Copy    *Copy    `json:"copy,omitempty"`
	MkFile  *MkFile  `json:"mkfile,omitempty"`
	MkDir   *MkDir   `json:"mkdir,omitempty"`
	Rm      *Rm      `json:"rm,omitempty"`
	Symlink *Symlink `json:"symlink,omitempty"`
}

type Copy struct {
	From string `json:"from,omitempty"`
	// Files, if set, is what is copied from, instead of From.
	Files      *File    `json:"files,omitempty"`
	Src        string   `json:"src"`
	Dest       string   `json:"dest"`
	Owner      string   `json:"owner,omitempty"`
	Mode       *uint32  `json:"mode,omitempty"`
	ModeStr    string   `json:"modestr,omitempty"`
	Follow     bool     `json:"follow,omitempty"`
	Contents   bool     `json:"contents,omitempty"`
	Unpack     bool     `json:"unpack,omitempty"`
	Parents    bool     `json:"parents,omitempty"`
	Wildcard   bool     `json:"wildcard,omitempty"`
	AllowEmpty bool     `json:"allowempty,omitempty"`
	Include    []string `json:"include,omitempty"`
	Exclude    []string `json:"exclude,omitempty"`
	Required   []string `json:"required,omitempty"`
	Replace    bool     `json:"replace,omitempty"`
	Time       *int64   `json:"time,omitempty"`
}

type MkFile struct {
	Path  string `json:"path"`
	Mode  uint32 `json:"mode"`
	Data  []byte `json:"data,omitempty"`
	Owner string `json:"owner,omitempty"`
	Time  *int64 `json:"time,omitempty"`
}

type MkDir struct {
	Path    string `json:"path"`
	Mode    uint32 `json:"mode"`
	Parents bool   `json:"parents,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Time    *int64 `json:"time,omitempty"`
}

type Rm struct {
	Path     string `json:"path"`
	NotFound bool   `json:"notfound,omitempty"`
	Wildcard bool   `json:"wildcard,omitempty"`
}

type Symlink struct {
	Target string `json:"target"`
	Link   string `json:"link"`
	Owner  string `json:"owner,omitempty"`
	Time   *int64 `json:"time,omitempty"`
}

type Build struct {
	From     string `json:"from"`
	Filename string `json:"filename,omitempty"`
}

type Pass struct {
	ID     string      `json:"id"`
	Inputs []PassInput `json:"inputs"`
}

type PassInput struct {
	From   string `json:"from"`
	Output bool   `json:"output,omitempty"`
}

// marshal builds the recipe with the client and returns its definition.
func (r Recipe) marshal() (*pb.Definition, error) {
	b := builder{}
	for _, f := range r.Files {
		b.files = append(b.files, llb.NewSourceMap(nil, f.Name, f.Language, []byte(f.Data)))
	}
	for _, n := range r.Nodes {
		b.nodes = append(b.nodes, b.node(n))
	}
	caps := pb.Caps.All()
	if r.NoPath {
		caps = slices.DeleteFunc(caps, func(c *apicapspb.APICap) bool { return c.ID == string(pb.CapExecMetaSetsDefaultPath) })
	}
	// Every op says its own platform. Only whether a PATH is set is asked of the platform of the whole first.
	whole := amd64
	if len(r.Nodes) > 0 && r.Nodes[len(r.Nodes)-1].Platform != "" {
		whole = r.Nodes[len(r.Nodes)-1].Platform
	}
	def, err := b.ref(r.Root).Marshal(context.Background(), llb.Platform(platform(whole)), llb.WithCaps(pb.Caps.CapSet(caps)))
	if err != nil {
		return nil, err
	}
	return def.ToPB(), nil
}

type builder struct {
	files []*llb.SourceMap
	// nodes answer with their outputs.
	nodes []func(output string) llb.Output
}

func (b *builder) output(ref string) llb.Output {
	if ref == "" {
		return nil
	}
	at := strings.IndexAny(ref, ":#")
	name := ""
	if at >= 0 {
		ref, name = ref[:at], ref[at+1:]
	}
	index, err := strconv.Atoi(ref)
	if err != nil {
		panic(err)
	}
	return b.nodes[index](name)
}

// ref is a state of its own: a node says all it needs, so nothing is inherited.
func (b *builder) ref(ref string) llb.State {
	return llb.NewState(b.output(ref))
}

func one(st llb.State) func(string) llb.Output {
	return func(string) llb.Output { return st.Output() }
}

func (b *builder) node(n Node) func(string) llb.Output {
	note := func(c *llb.Constraints) { b.note(n, c) }
	opt := constraints(note)
	switch {
	case n.Image != nil:
		opts := []llb.ImageOption{opt}
		switch n.Image.Resolve {
		case "pull":
			opts = append(opts, llb.ResolveModeForcePull)
		case "local":
			opts = append(opts, llb.ResolveModePreferLocal)
		}
		if n.Image.Record != "" {
			opts = append(opts, imageInfo(func(i *llb.ImageInfo) { i.RecordType = n.Image.Record }))
		}
		if n.Image.Layers != 0 {
			opts = append(opts, llb.WithLayerLimit(n.Image.Layers))
		}
		if n.Image.Checksum != "" {
			opts = append(opts, llb.WithImageChecksum(digest.Digest(n.Image.Checksum)))
		}
		return one(llb.Image(n.Image.Ref, opts...))
	case n.OCI != nil:
		opts := []llb.OCILayoutOption{opt, llb.OCIStore(n.OCI.Session, n.OCI.Store)}
		if n.OCI.Layers != 0 {
			opts = append(opts, llb.OCILayerLimit(n.OCI.Layers))
		}
		return one(llb.OCILayout(n.OCI.Ref, opts...))
	case n.Blob != nil:
		v := n.Blob
		opts := []llb.ImageBlobOption{opt, llb.Filename(v.Filename), llb.Chmod(os.FileMode(v.Perm)), llb.Chown(int(v.UID), int(v.GID))}
		if v.OCI {
			return one(llb.OCILayoutBlob(v.Ref, append(opts, llb.ImageBlobOCIStore(v.Session, v.Store))...))
		}
		return one(llb.ImageBlob(v.Ref, opts...))
	case n.Local != nil:
		return one(local(*n.Local, opt))
	case n.Git != nil:
		return one(git(*n.Git, opt))
	case n.HTTP != nil:
		return one(http(*n.HTTP, opt))
	case n.Exec != nil:
		st := b.exec(*n.Exec, opt)
		return func(dest string) llb.Output {
			if dest == "" {
				dest = "/"
			}
			return st.GetMount(dest).Output()
		}
	case n.File != nil:
		return one(b.ref(n.File.On).File(b.actions(n.File.Actions), opt))
	case n.Merge != nil:
		states := []llb.State{}
		for _, ref := range n.Merge {
			states = append(states, b.ref(ref))
		}
		return one(llb.Merge(states, opt))
	case n.Diff != nil:
		return one(llb.Diff(b.ref(n.Diff[0]), b.ref(n.Diff[1]), opt))
	case n.Build != nil:
		opts := []llbbuild.BuildOption{llbbuild.WithConstraints(opt)}
		if n.Build.Filename != "" {
			opts = append(opts, llbbuild.WithFilename(n.Build.Filename))
		}
		return one(llb.NewState(llbbuild.NewBuildOp(b.output(n.Build.From), opts...).Output()))
	case n.Pass != nil:
		inputs := []llb.PassthroughInput{}
		for _, in := range n.Pass.Inputs {
			inputs = append(inputs, llb.PassthroughInput{State: b.ref(in.From), Output: in.Output})
		}
		op := llb.NewPassthroughOp(n.Pass.ID, inputs, opt)
		return func(index string) llb.Output {
			i, _ := strconv.Atoi(index)
			return op.OutputAt(i)
		}
	}
	panic("a node of no kind")
}

func (b *builder) note(n Node, c *llb.Constraints) {
	apply := func(o llb.ConstraintsOpt) { o.SetConstraintsOption(c) }
	if n.Platform != "" {
		apply(llb.Platform(platform(n.Platform)))
	}
	if len(n.Require) > 0 {
		apply(llb.Require(n.Require...))
	}
	if n.Name != "" {
		apply(llb.WithCustomName(n.Name))
	}
	if n.Description != nil {
		apply(llb.WithDescription(n.Description))
	}
	if n.IgnoreCache {
		apply(llb.IgnoreCache)
	}
	if n.ExportCache != nil && *n.ExportCache {
		apply(llb.WithExportCache())
	}
	if n.ExportCache != nil && !*n.ExportCache {
		apply(llb.WithoutExportCache())
	}
	if n.Group != nil {
		apply(llb.ProgressGroup(n.Group.ID, n.Group.Name, n.Group.Weak))
	}
	if r := n.Resources; r != nil {
		apply(llb.WithLinuxResources(llb.LinuxResources(*r)))
	}
	for _, at := range n.At {
		apply(b.files[at[0]].Location([]*pb.Range{{
			Start: &pb.Position{Line: at[1], Character: at[2]},
			End:   &pb.Position{Line: at[3], Character: at[4]},
		}}))
	}
	for _, id := range n.Caps {
		declare(c, apicaps.CapID(id))
	}
}

func declare(c *llb.Constraints, id apicaps.CapID) {
	if c.Metadata.Caps == nil {
		c.Metadata.Caps = map[apicaps.CapID]bool{}
	}
	c.Metadata.Caps[id] = true
}

func platform(text string) ocispecs.Platform {
	parts := append(strings.SplitN(text, "/", 5), "", "", "", "")
	p := ocispecs.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2], OSVersion: parts[3]}
	if parts[4] != "" {
		p.OSFeatures = strings.Split(parts[4], ",")
	}
	return p
}

func local(v Local, opt llb.ConstraintsOpt) llb.State {
	opts := []llb.LocalOption{opt, llb.IncludePatterns(v.Include), llb.ExcludePatterns(v.Exclude), llb.FollowPaths(v.Follow)}
	if v.Session != "" {
		opts = append(opts, llb.SessionID(v.Session))
	}
	if v.Unique != "" {
		opts = append(opts, llb.LocalUniqueID(v.Unique))
	}
	if v.Hint != "" {
		opts = append(opts, llb.SharedKeyHint(v.Hint))
	}
	if v.Differ != "" {
		opts = append(opts, llb.Differ(llb.DiffType(v.Differ), v.Required))
	}
	if v.Metadata {
		opts = append(opts, llb.MetadataOnlyTransfer(v.Except))
	}
	return llb.Local(v.Name, opts...)
}

func git(v Git, opt llb.ConstraintsOpt) llb.State {
	opts := []llb.GitOption{opt}
	set := func(on bool, o llb.GitOption) {
		if on {
			opts = append(opts, o)
		}
	}
	set(v.Ref != "", llb.GitRef(v.Ref))
	set(v.Subdir != "", llb.GitSubDir(v.Subdir))
	set(v.Keep, llb.KeepGitDir())
	set(v.Token != "", llb.AuthTokenSecret(v.Token))
	set(v.Header != "", llb.AuthHeaderSecret(v.Header))
	set(v.Hosts != "", llb.KnownSSHHosts(v.Hosts))
	set(v.Sock != "", llb.MountSSHSock(v.Sock))
	set(v.Checksum != "", llb.GitChecksum(v.Checksum))
	set(v.Skip, llb.GitSkipSubmodules())
	set(v.MTime != "", llb.GitMTime(v.MTime))
	set(v.ByCommit, llb.GitFetchByCommit())
	set(v.Bundle != "", llb.GitBundleURL(v.Bundle, llb.GitBundleOCIStore(v.Session, v.Store)))
	set(v.Checkout, llb.GitCheckoutBundle())
	if v.PubKey != "" {
		// The daemon has these attributes, the client no options: only a plain URL is made by hand here.
		attrs := map[string]string{
			pb.AttrFullRemoteURL: v.URL, pb.AttrAuthTokenSecret: llb.GitAuthTokenKey, pb.AttrAuthHeaderSecret: llb.GitAuthHeaderKey,
			pb.AttrGitSignatureVerifyPubKey: v.PubKey,
		}
		flag := func(on bool, attr string) {
			if on {
				attrs[attr] = "true"
			}
		}
		flag(v.Expired, pb.AttrGitSignatureVerifyRejectExpired)
		flag(v.SignedTag, pb.AttrGitSignatureVerifyRequireSignedTag)
		flag(v.IgnoreTag, pb.AttrGitSignatureVerifyIgnoreSignedTag)
		c := llb.Constraints{}
		opt.SetConstraintsOption(&c)
		declare(&c, pb.CapSourceGit)
		declare(&c, pb.CapSourceGitFullURL)
		declare(&c, pb.CapSourceGitSignatureVerify)
		return llb.NewState(llb.NewSource("git://"+strings.TrimPrefix(v.URL, "https://")+"#"+v.Ref, attrs, c).Output())
	}
	return llb.Git(v.URL, "", opts...)
}

func http(v HTTP, opt llb.ConstraintsOpt) llb.State {
	opts := []llb.HTTPOption{opt, llb.Filename(v.Filename), llb.Chmod(os.FileMode(v.Perm)), llb.Chown(int(v.UID), int(v.GID))}
	if v.Checksum != "" {
		opts = append(opts, llb.Checksum(digest.Digest(v.Checksum)))
	}
	if v.Auth != "" {
		opts = append(opts, llb.AuthHeaderSecret(v.Auth))
	}
	if v.Accept != "" || v.Agent != "" {
		opts = append(opts, llb.Header(llb.HTTPHeader{Accept: v.Accept, UserAgent: v.Agent}))
	}
	if v.PubKey != "" {
		opts = append(opts, llb.VerifyPGPSignature(llb.HTTPSignatureInfo{PubKey: []byte(v.PubKey), Signature: []byte(v.Signature)}))
	}
	return llb.HTTP(v.URL, opts...)
}

func (b *builder) exec(v Exec, opt llb.ConstraintsOpt) llb.ExecState {
	st := b.ref(v.Root)
	for _, env := range v.Env {
		st = st.AddEnv(env[0], env[1])
	}
	if v.Cwd != "" {
		st = st.Dir(v.Cwd)
	}
	if v.User != "" {
		st = st.User(v.User)
	}
	if v.Hostname != "" {
		st = st.Hostname(v.Hostname)
	}
	for _, host := range v.Hosts {
		st = st.AddExtraHost(host[0], net.ParseIP(host[1]))
	}
	switch v.Network {
	case "host":
		st = st.Network(llb.NetModeHost)
	case "none":
		st = st.Network(llb.NetModeNone)
	}
	if v.Insecure {
		st = st.Security(llb.SecurityModeInsecure)
	}
	for _, u := range v.Ulimits {
		st = st.AddUlimit(llb.UlimitName(u.Name), u.Soft, u.Hard)
	}
	if v.Cgroup != "" {
		st = st.WithCgroupParent(v.Cgroup)
	}
	opts := []llb.RunOption{opt, llb.Args(v.Args)}
	if v.ReadOnly {
		opts = append(opts, llb.ReadonlyRootFS())
	}
	if v.Codes != nil {
		opts = append(opts, llb.ValidExitCodes(v.Codes...))
	}
	if p := v.Proxy; p != nil {
		opts = append(opts, llb.WithProxy(llb.ProxyEnv{HTTPProxy: p.HTTP, HTTPSProxy: p.HTTPS, FTPProxy: p.FTP, NoProxy: p.No, AllProxy: p.All}))
	}
	for _, d := range v.Devices {
		device := []llb.CDIDeviceOption{llb.CDIDeviceName(d.Name)}
		if d.Optional {
			device = append(device, llb.CDIDeviceOptional)
		}
		opts = append(opts, llb.AddCDIDevice(device...))
	}
	for _, s := range v.Secrets {
		var target *string
		if s.Target != "" {
			target = &s.Target
		}
		secret := []llb.SecretOption{}
		if s.Mode != 0 {
			secret = append(secret, llb.SecretFileOpt(s.UID, s.GID, s.Mode))
		}
		if s.Env != "" {
			secret = append(secret, llb.SecretAsEnvName(s.Env))
		}
		if s.Optional {
			secret = append(secret, llb.SecretOptional)
		}
		opts = append(opts, llb.AddSecretWithDest(s.ID, target, secret...))
	}
	for _, s := range v.SSH {
		ssh := []llb.SSHOption{llb.SSHID(s.ID), llb.SSHSocketTarget(s.Target)}
		if s.Mode != 0 {
			ssh = append(ssh, llb.SSHSocketOpt(s.Target, s.UID, s.GID, s.Mode))
		}
		if s.Optional {
			ssh = append(ssh, llb.SSHOptional)
		}
		opts = append(opts, llb.AddSSHSocket(ssh...))
	}
	for _, m := range v.Mounts {
		mount := []llb.MountOption{}
		if m.ReadOnly {
			mount = append(mount, llb.Readonly)
		}
		if m.Discard {
			mount = append(mount, llb.ForceNoOutput)
		}
		if m.Selector != "" {
			mount = append(mount, llb.SourcePath(m.Selector))
		}
		if m.Cache != "" {
			sharing := map[string]llb.CacheMountSharingMode{"": llb.CacheMountShared, "private": llb.CacheMountPrivate, "locked": llb.CacheMountLocked}
			mount = append(mount, llb.AsPersistentCacheDir(m.Cache, sharing[m.Sharing]))
		}
		if m.Tmpfs {
			mount = append(mount, llb.Tmpfs(llb.TmpfsSize(m.Size)))
		}
		switch m.Content {
		case "on":
			mount = append(mount, llb.ContentCache(llb.MountContentCacheOn))
		case "off":
			mount = append(mount, llb.ContentCache(llb.MountContentCacheOff))
		}
		opts = append(opts, llb.AddMount(m.Dest, b.ref(m.From), mount...))
	}
	return st.Run(opts...)
}

func (b *builder) actions(actions []Action) *llb.FileAction {
	var chain *llb.FileAction
	for _, a := range actions {
		switch {
		case a.Copy != nil:
			var from llb.CopyInput = b.ref(a.Copy.From)
			if f := a.Copy.Files; f != nil {
				from = b.actions(f.Actions).WithState(b.ref(f.On))
			}
			opts := copyOptions(*a.Copy)
			if chain == nil {
				chain = llb.Copy(from, a.Copy.Src, a.Copy.Dest, opts...)
			} else {
				chain = chain.Copy(from, a.Copy.Src, a.Copy.Dest, opts...)
			}
		case a.MkFile != nil:
			v, opts := a.MkFile, []llb.MkfileOption{}
			if v.Owner != "" {
				opts = append(opts, llb.WithUser(v.Owner))
			}
			if v.Time != nil {
				opts = append(opts, llb.WithCreatedTime(time.Unix(0, *v.Time)))
			}
			if chain == nil {
				chain = llb.Mkfile(v.Path, os.FileMode(v.Mode), v.Data, opts...)
			} else {
				chain = chain.Mkfile(v.Path, os.FileMode(v.Mode), v.Data, opts...)
			}
		case a.MkDir != nil:
			v, opts := a.MkDir, []llb.MkdirOption{llb.WithParents(a.MkDir.Parents)}
			if v.Owner != "" {
				opts = append(opts, llb.WithUser(v.Owner))
			}
			if v.Time != nil {
				opts = append(opts, llb.WithCreatedTime(time.Unix(0, *v.Time)))
			}
			if chain == nil {
				chain = llb.Mkdir(v.Path, os.FileMode(v.Mode), opts...)
			} else {
				chain = chain.Mkdir(v.Path, os.FileMode(v.Mode), opts...)
			}
		case a.Rm != nil:
			v, opts := a.Rm, []llb.RmOption{llb.WithAllowNotFound(a.Rm.NotFound), llb.WithAllowWildcard(a.Rm.Wildcard)}
			if chain == nil {
				chain = llb.Rm(v.Path, opts...)
			} else {
				chain = chain.Rm(v.Path, opts...)
			}
		case a.Symlink != nil:
			v, opts := a.Symlink, []llb.SymlinkOption{}
			if v.Owner != "" {
				opts = append(opts, llb.WithUser(v.Owner))
			}
			if v.Time != nil {
				opts = append(opts, llb.WithCreatedTime(time.Unix(0, *v.Time)))
			}
			if chain == nil {
				chain = llb.Symlink(v.Target, v.Link, opts...)
			} else {
				chain = chain.Symlink(v.Target, v.Link, opts...)
			}
		default:
			panic(fmt.Sprintf("an action of no kind: %+v", a))
		}
	}
	return chain
}

func copyOptions(v Copy) []llb.CopyOption {
	info := &llb.CopyInfo{
		FollowSymlinks: v.Follow, CopyDirContentsOnly: v.Contents, IncludePatterns: v.Include, ExcludePatterns: v.Exclude,
		RequiredPaths: v.Required, AttemptUnpack: v.Unpack, CreateDestPath: v.Parents, AllowWildcard: v.Wildcard,
		AllowEmptyWildcard: v.AllowEmpty, AlwaysReplaceExistingDestPaths: v.Replace,
	}
	if v.Mode != nil {
		info.Mode = &llb.ChmodOpt{Mode: os.FileMode(*v.Mode)}
	}
	if v.ModeStr != "" {
		info.Mode = &llb.ChmodOpt{ModeStr: v.ModeStr}
	}
	opts := []llb.CopyOption{info}
	if v.Owner != "" {
		opts = append(opts, llb.WithUser(v.Owner))
	}
	if v.Time != nil {
		opts = append(opts, llb.WithCreatedTime(time.Unix(0, *v.Time)))
	}
	return opts
}

type imageInfo func(*llb.ImageInfo)

func (f imageInfo) SetImageOption(i *llb.ImageInfo) { f(i) }

// constraints turns a function into an option of every kind of op.
func constraints(f func(*llb.Constraints)) llb.ConstraintsOpt { return constraintsOpt{f} }

type constraintsOpt struct{ f func(*llb.Constraints) }

func (o constraintsOpt) SetConstraintsOption(c *llb.Constraints) { o.f(c) }
func (o constraintsOpt) SetRunOption(i *llb.ExecInfo)            { o.f(&i.Constraints) }
func (o constraintsOpt) SetLocalOption(i *llb.LocalInfo)         { o.f(&i.Constraints) }
func (o constraintsOpt) SetHTTPOption(i *llb.HTTPInfo)           { o.f(&i.Constraints) }
func (o constraintsOpt) SetImageBlobOption(i *llb.ImageBlobInfo) { o.f(&i.Constraints) }
func (o constraintsOpt) SetImageOption(i *llb.ImageInfo)         { o.f(&i.Constraints) }
func (o constraintsOpt) SetGitOption(i *llb.GitInfo)             { o.f(&i.Constraints) }
func (o constraintsOpt) SetOCILayoutOption(i *llb.OCILayoutInfo) { o.f(&i.Constraints) }
