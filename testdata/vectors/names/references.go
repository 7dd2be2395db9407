package main

import (
	// Digests are valid only where their algorithm is available.
	_ "crypto/sha256"
	_ "crypto/sha512"
	"math/rand/v2"
	"strings"

	"github.com/distribution/reference"
)

// Reference is an input and what became of it; nothing but the text if it is refused.
type Reference struct {
	Text   string `json:"text"`
	Domain string `json:"domain,omitempty"`
	Path   string `json:"path,omitempty"`
	Tag    string `json:"tag,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Full is the normalized form, Tagged that of TagNameOnly.
	Full   string `json:"full,omitempty"`
	Tagged string `json:"tagged,omitempty"`
	// Familiar is the short form, FamiliarName the same without tag and digest.
	Familiar     string `json:"familiar,omitempty"`
	FamiliarName string `json:"familiar_name,omitempty"`
}

func referenceLines() []any {
	var lines []any
	seen := map[string]bool{}
	for _, text := range append(referenceTexts(), randomTexts()...) {
		if !seen[text] {
			seen[text] = true
			lines = append(lines, named(text))
		}
	}
	return lines
}

func named(text string) Reference {
	line := Reference{Text: text}
	name, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return line
	}
	line.Domain, line.Path = reference.Domain(name), reference.Path(name)
	if tagged, ok := name.(reference.Tagged); ok {
		line.Tag = tagged.Tag()
	}
	if digested, ok := name.(reference.Digested); ok {
		line.Digest = digested.Digest().String()
	}
	line.Full, line.Tagged = name.String(), reference.TagNameOnly(name).String()
	line.Familiar, line.FamiliarName = reference.FamiliarString(name), reference.FamiliarName(name)
	return line
}

const (
	hex64 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	// Of SHA-384 it takes one and a half of these.
	hex32 = "9f86d081884c7d659a2feaa0c55ad015"
)

var (
	hosts = []string{
		"docker.io", "index.docker.io", "registry-1.docker.io", "Docker.io", "ghcr.io", "gcr.io", "quay.io", "nvcr.io",
		"public.ecr.aws", "123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-docker.pkg.dev", "localhost", "LOCALHOST",
		"Localhost", "localhost:5000", "localhost:0", "localhost:65535", "localhost:65536", "localhost:123456789",
		"localhost:", "localhost:port", "localhost:-1", "localhost:5000:5000", "localhost.", ".localhost", "host", "Host",
		"HOST:5000", "host:5000", "h", "H", "0", "a.b", "a..b", "a.-b", "a-.b", "a--b.c", "-a.b", "a.b-", "a_b", "a_b.c",
		"a__b.c", "a_b:5000", "a_B.c", "127.0.0.1", "127.0.0.1:5000", "999.999.999.999", "1.2.3", "[::1]", "[::1]:5000",
		"[2001:db8::1]", "[2001:DB8::1]:5000", "[::1]:", "[::1]x", "[]", "[]:5000", "[:]", "[::g]", "[fe80::1%25eth0]",
		"::1", "2001:db8::1", "[::1", "::1]", "[127.0.0.1]", "http:", "https://ghcr.io", "docker://ghcr.io", "xn--7o8h.com",
		"bücher.example", "ü", "ǅ", "a b.c", "a%b.c", "user@host", "user@host.example", "user:pw@host.example", "$HOST",
		"", " ", "library", "docker", "index", hex64, strings.Repeat("a", 63) + ".com", strings.Repeat("a.", 150) + "com",
	}
	paths = []string{
		"debian", "library/debian", "team/app", "library/a/b", "library", "library/library", "library/", "a", "0", "a/b/c/d/e/f",
		"Debian", "team/App", "DEBIAN", "a.b", "a_b", "a__b", "a___b", "a-b", "a--b", "a----b", "a..b", "a.-b", "a-.b", "a._b",
		"a_-b", "-a", "a-", ".a", "a.", "_a", "a_", "__a", "a__", "a.b_c__d-e---f.0", "a//b", "/a", "a/", "/", "a/.b", "a/b.",
		"a b", "a+b", "a%2Fb", "a~b", "a,b", "a;b", "a$b", "ä", "a\tb", "a\nb", "a\x00b", "localhost", "localhost/a",
		"docker.io/a", "docker.io/library/a", "5000/a", "..", ".", "../a", hex64, "a/" + hex64, hex64[:63], hex64 + "0",
		strings.ToUpper(hex64), strings.Repeat("a", 247), strings.Repeat("a", 248), strings.Repeat("a", 255),
		strings.Repeat("a", 256), "t/" + strings.Repeat("a", 253), "t/" + strings.Repeat("a", 254),
		strings.Repeat("ab/", 84) + "abc", strings.Repeat("ab/", 85) + "a",
	}
	tags = []string{
		"latest", "1", "1.2.3", "v1", "V1", "LATEST", "a_b-c.d", "_", "_a", "-", "-a", ".", ".a", "a-", "a.", "a..b", "", " ",
		"a b", "a+b", "a/b", "a:b", "a@b", "ä", "a\n", "5000", "0", strings.Repeat("t", 127), strings.Repeat("t", 128),
		strings.Repeat("t", 129), hex64, "sha256-" + hex64, "$TAG", "{spec_hash}",
	}
	digests = []string{
		"sha256:" + hex64, "sha256:" + strings.ToUpper(hex64), "sha256:" + hex64[:63], "sha256:" + hex64 + "0", "sha256:",
		"sha256", "", "sha256:" + strings.Repeat("g", 64), "SHA256:" + hex64, "Sha256:" + hex64, "sha384:" + hex64 + hex32,
		"sha384:" + hex64, "sha512:" + hex64 + hex64, "sha512:" + hex64, "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"md5:d41d8cd98f00b204e9800998ecf8427e", "blake3:" + hex64, "sha256+b64:" + hex64, "sha256:" + hex64 + "@sha256:" + hex64,
		":" + hex64, hex64, "sha256:" + hex64 + ":latest", "sha256:" + hex64 + "/a", "sha256: " + hex64[1:], "sha256:" + hex64 + "\n",
		"sha256-" + hex64, "tag",
	}
)

func referenceTexts() []string {
	texts := []string{}
	for _, host := range hosts {
		texts = append(texts, host, host+"/app", host+"/team/app:1", host+"/", host+"/App")
	}
	for _, path := range paths {
		texts = append(texts, path, path+":1", "docker.io/"+path, "index.docker.io/"+path, "localhost:5000/"+path+":1")
	}
	for _, tag := range tags {
		texts = append(texts, "debian:"+tag, "team/app:"+tag, "localhost/app:"+tag, "localhost:5000/app:"+tag+"@sha256:"+hex64)
	}
	for _, digest := range digests {
		texts = append(texts, "debian@"+digest, "debian:12@"+digest, "localhost:5000/app@"+digest, "@"+digest, digest)
	}
	return append(texts, ":", "@", ":@", "a:@", "a@:", "a:1@", "a@sha256:"+hex64+":1", "scratch", "context")
}

// randomTexts are short, so that many of them are valid; the seed makes them the same in every run.
func randomTexts() []string {
	const letters = "aab0.-_/:@A[]"
	random := rand.New(rand.NewPCG(1, 2))
	texts := []string{}
	for range 600 {
		var text strings.Builder
		for range 1 + random.IntN(9) {
			text.WriteByte(letters[random.IntN(len(letters))])
		}
		texts = append(texts, text.String())
	}
	return texts
}
