package main

import (
	"strings"

	"github.com/containerd/platforms"
)

// host stands for a half that Parse takes from the machine it runs on.
const host = "HOST"

// Platform is an input, a text or a platform not in normal form, and what became of it.
type Platform struct {
	Text   *string             `json:"text,omitempty"`
	Fields *platforms.Platform `json:"fields,omitempty"`
	// Parsed is what Parse gives, as text; empty if it refuses the input.
	Parsed string `json:"parsed,omitempty"`
	// Platform is that in normal form.
	Platform *platforms.Platform `json:"platform,omitempty"`
	// ID is FormatAll of it, Short is Format.
	ID    string `json:"id,omitempty"`
	Short string `json:"short,omitempty"`
}

func platformLines() []any {
	var lines []any
	seen := map[string]bool{}
	for _, text := range platformTexts() {
		if !seen[text] {
			seen[text] = true
			lines = append(lines, parsed(text))
		}
	}
	for _, fields := range platformFields() {
		line := Platform{Fields: &fields}
		normal := platforms.Normalize(fields)
		lines = append(lines, line.normal(normal))
	}
	return lines
}

func parsed(text string) Platform {
	line := Platform{Text: &text}
	p, err := platforms.Parse(text)
	if err != nil {
		return line
	}
	normal := platforms.Normalize(p)
	if !strings.Contains(text, "/") {
		// Before a `/` it is an operating system: if that is the one Parse found, the architecture is the host's.
		if whole, err := platforms.Parse(text + "/x"); err == nil && whole.OS == p.OS {
			p.Architecture, p.Variant = host, ""
			normal.Architecture, normal.Variant = host, ""
		} else {
			p.OS, normal.OS = host, host
		}
	}
	line.Parsed = platforms.FormatAll(p)
	return line.normal(normal)
}

func (line Platform) normal(normal platforms.Platform) Platform {
	line.Platform = &normal
	line.ID = platforms.FormatAll(normal)
	line.Short = platforms.Format(normal)
	return line
}

var (
	systems = []string{
		"linux", "Linux", "LINUX", "windows", "Windows", "darwin", "macos", "macOS", "freebsd", "netbsd", "openbsd", "plan9",
		"solaris", "illumos", "aix", "android", "dragonfly", "hurd", "ios", "js", "nacl", "zos", "wasi", "wasip1", "unknown",
		"l", "linux_x", "linux-x",
	}
	architectures = []string{
		"amd64", "AMD64", "x86_64", "X86_64", "x86-64", "x64", "amd64p32", "386", "i386", "I386", "i486", "i586", "i686",
		"x86", "arm64", "ARM64", "aarch64", "AArch64", "arm64v8", "arm64be", "aarch64_be", "armv8", "arm", "ARM", "armhf",
		"armel", "armv6l", "armv7", "armv7l", "arm32v7", "armbe", "loong64", "loongarch64", "mips", "mipsle", "mipsel",
		"mips64", "mips64le", "mips64el", "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "ppc64el", "riscv",
		"riscv64", "riscv32", "s390", "s390x", "sparc", "sparc64", "wasm", "wasm32", "x", "a_b", "a.b", "a-b", "-", "_",
		".", "..", "...",
	}
	variants = []string{
		"v1", "V1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "1", "2", "5", "6", "7", "8", "9", "V7", "V8", "8.0",
		"v8.0", "8.1", "v8.1", "v8.9", "9.0", "v9.0", "v9.1", "v9.7", "v10", "x", "softfloat", "rva22u64", "_", "...",
	}
	// The families whose variants have rules.
	families = []string{"amd64", "x86_64", "i386", "386", "arm64", "aarch64", "arm", "armhf", "armel", "riscv64"}
)

func platformTexts() []string {
	texts := []string{}
	for _, word := range append(append([]string{}, systems...), architectures...) {
		texts = append(texts, word)
	}
	for _, system := range systems {
		texts = append(texts, system+"/amd64", system+"/aarch64/v8")
	}
	for _, architecture := range architectures {
		texts = append(texts, "linux/"+architecture, "linux/"+architecture+"/v7", "windows/"+architecture)
	}
	for _, family := range families {
		for _, variant := range variants {
			texts = append(texts, "linux/"+family+"/"+variant)
		}
	}
	for _, options := range []string{
		"", "10.0.17763", "10.0.17763+win32k", "10.0.17763+win32k+a", "+win32k", "+b+a", "+a+a", "1+", "+", "++", "1++a",
		"%31", "1%2B2", "%28%29", "%2f", "%2F", "%25", "%", "%2", "%zz", "1+%", "1+a%2Bb", "%C3%A4", "%ff", "a b", "ä", "1(2", "1)2",
		"1/2", "-", "_", "1,2", "1~2", "%00",
	} {
		for _, rest := range []string{"", "/amd64", "/arm64/v8"} {
			texts = append(texts, "windows("+options+")"+rest)
		}
		texts = append(texts, "linux("+options+")/arm", "arm64("+options+")")
	}
	return append(texts,
		"", " ", "/", "//", "///", "*", "linux/*", "*/amd64", "linux/", "linux//", "linux//v7", "/amd64", "/amd64/v2",
		"linux/amd64/", "linux/amd64/v1/", "linux/amd64/v1/x", "linux/amd64/v1/x/y", "linux/amd64//x", "linux /amd64",
		"linux/ amd64", " linux/amd64", "linux/amd64 ", "linux/amd64\n", "linux\t/amd64", "linux/amd64,linux/arm64", "linux,arm64",
		"linux\\amd64", "linux/ämd64", "lïnux/amd64", "linux/amd64/ä", "linux/amd64;x", "linux/amd64$(x)", "linux/amd64\x00",
		"linux.x/amd64", "linux+x/amd64", "linux%/amd64", "linux(1", "linux(1/amd64", "linux)/amd64", "linux(1)x/amd64",
		"(1)/amd64", "linux(1)(2)/amd64", "linux/amd64(1)", "linux/amd64/v2(1)", "local", "LOCAL", "none", "all",
	)
}

// platformFields are platforms as others may send them.
func platformFields() []platforms.Platform {
	list := []platforms.Platform{
		{Architecture: "amd64", OS: "linux", OSFeatures: []string{"b", "a", "b", ""}},
		{Architecture: "amd64", OS: "windows", OSVersion: "10.0.17763", OSFeatures: []string{"win32k"}},
		{Architecture: "amd64", OS: "windows", OSVersion: "1+2(3)/4%"},
		{Architecture: "amd64", OS: "windows", OSFeatures: []string{"a+b", "a/b"}},
		{Architecture: "amd64", OS: "windows", OSFeatures: []string{""}},
		{Architecture: "", OS: "linux"},
		{Architecture: "", OS: "linux", Variant: "v7"},
		{Architecture: "ÄRM64", OS: "LÏNUX", Variant: "Ö"},
		{Architecture: "\u212a", OS: "linux", Variant: "ΑΣ"},
	}
	for _, architecture := range []string{"X86_64", "x86-64", "I386", "AArch64", "armhf", "armel", "ARM", "i686"} {
		for _, variant := range []string{"", "V1", "v8", "7", "9.0"} {
			list = append(list, platforms.Platform{Architecture: architecture, OS: "MacOS", Variant: variant})
		}
	}
	return list
}
