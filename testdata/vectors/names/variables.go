package main

import (
	"math/rand/v2"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// variables that values refer to.
var variables = []string{
	"PATH=/usr/bin:/bin", "HOME=/root", "EMPTY=", "FILE=/a/b.tar.gz", "LIST=a:b:a:c", "STAR=a*b?c", "ÜBER=ü:ö", "_X1=x", "LINES=a\nb",
}

// values by hand: what people write, and each form with what is next to it.
var values = []string{
	"", "plain", "/opt/bin:$PATH", "${HOME}x$HOME", `\$PATH and \\$HOME`, "$MISSING.", "$ $1 $10x $(id) `id`", "$$", "$@$*$#$?$-$!$0", "ü$PATHü", `C:\x`,
	"/opt/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}", "/opt/lib${PATH:+:$PATH}", "${MODE:-prod}", "${HOME:-x}", "${EMPTY:-x}", "${EMPTY-x}", "${NONE-x}",
	"${EMPTY+x}", "${EMPTY:+x}", "${HOME+x}", "${NONE:?}", "${NONE:?needed}", "${EMPTY:?}", "${EMPTY?}", "${NONE?no}", "${HOME:?x}",
	"${NONE:-${HOME}}", "${NONE:-${NONE:-${NONE:-deep}}}", "${NONE:-a b}", `${NONE:-"a b"}`, `${NONE:-'$HOME'}`, `${NONE:-"$HOME"}`, `${NONE:-\}}`, `${NONE:-a\b}`, `${NONE:-"a\b\"\$"}`,
	"${FILE#*/}", "${FILE##*/}", "${FILE%.*}", "${FILE%%.*}", "${FILE#x}", "${FILE%x}", "${FILE#}", "${FILE##}", "${FILE%%}", "${NONE#x}", "${LIST#?:}", "${LIST%:?}",
	"${LIST/a/x}", "${LIST//a/x}", "${LIST/:*:/-}", "${LIST//:/ }", "${LIST/x/y}", "${LIST/a}", "${LIST//a}", "${LIST/a/}", `${LIST/a/\/}`, `${FILE/\/a\//x}`, "${LIST///x}", "${LIST//a/$HOME}", "${LIST//a/$0$0}", "${NONE/a/b}",
	`${STAR#a\*}`, `${STAR%\?c}`, `${STAR/\*/x}`, `${STAR#a\b}`, `${STAR%\}`, `${STAR/b\?/x}`, "${ÜBER/ü/u}", "${ÜBER%?}", "${ÜBER%%:*}", "$ÜBER", "${LINES#*}", "${LINES/?b/x}",
	"${", "${}", "${:x}", "${{a}}", "${HOME", "${HOME:", "${HOME:-", "${HOME:-x", "${HOME!}", "${HOME:x}", "${HOME:#x}", "${HOME:%x}", "${HOME^}", "${HOME:0:1}", "${ HOME}", "${1}", "${1:-x}", "${-}", "${#HOME}", "${HOME/}", "${HOME/a", "${HOME/a/", "a${_X1}b$_X1-c", "<< $HOME", "${NONE:-<<x}", "${NONE:-'a}", `${NONE:-"a}`, "tab\t$HOME\nline",
}

// pieces of random values.
var pieces = []string{
	"$", "${", "}", "{", "HOME", "EMPTY", "NONE", "FILE", "LIST", "STAR", "ÜBER", "LINES", ":", ":-", ":+", ":?", "-", "+", "?", "#", "##", "%", "%%", "/", "//", "*", "?", `\`, `\\`, `\$`, "'", " ", "a", "b", "1", "ü", "<", "$HOME", "${LIST", "${FILE#", "${STAR/", "${NONE:-",
}

// Variable is a value, and what became of it; without a result it is refused.
type Variable struct {
	Value  string  `json:"value"`
	Result *string `json:"result,omitempty"`
}

func variableLines() []any {
	lines := []any{map[string][]string{"variables": variables}}
	seen := map[string]bool{}
	for _, value := range append(values, randomValues(1500)...) {
		if !seen[value] {
			seen[value] = true
			lines = append(lines, expanded(value))
		}
	}
	return lines
}

func expanded(value string) Variable {
	result, _, err := shell.NewLex('\\').ProcessWord(`"`+value+`"`, shell.EnvsFromSlice(variables))
	if err != nil {
		return Variable{Value: value}
	}
	return Variable{Value: value, Result: &result}
}

// randomValues have balanced double quotes: none outside of a reference, since those end the value, and no backslash at the end, which
// would escape the quote that ends it.
func randomValues(count int) []string {
	source := rand.New(rand.NewPCG(1, 2))
	var found []string
	for len(found) < count {
		var value strings.Builder
		for range 2 + source.IntN(8) {
			value.WriteString(pieces[source.IntN(len(pieces))])
		}
		if !strings.HasSuffix(value.String(), `\`) {
			found = append(found, value.String())
		}
	}
	return found
}
