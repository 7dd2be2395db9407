// The names that the pinned release reads and writes: options of frontends, attributes of ops and exporters, keys of
// results, subrequests, entitlements, capabilities of the gateway. Most are unexported constants, so the source is read.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// keyFile is a file of BuildKit whose constants and variables of certain names are keys of a group.
type keyFile struct {
	group, path string
	// Beginnings of the names.
	names []string
}

var keyFiles = []keyFile{
	{"option", "frontend/dockerui/config.go", []string{"key", "buildArgPrefix", "labelPrefix", "localSessionIDPrefix"}},
	{"option", "frontend/dockerui/context.go", []string{"key", "DefaultLocalNameContext"}},
	{"option", "frontend/dockerui/namedcontext.go", []string{"contextPrefix", "inputMetadataPrefix"}},
	{"option", "frontend/dockerui/requests.go", []string{"keyRequestID"}},
	{"option", "frontend/frontend.go", []string{"Key"}},
	{"option", "frontend/gateway/pb/caps.go", []string{"CapFrontendCaps"}},
	{"option", "exporter/util/epoch/parse.go", []string{"frontendSourceDateEpochArg"}},
	{"attr", "solver/pb/attr.go", []string{"Attr"}},
	{"exporter", "client/exporters.go", []string{"Exporter"}},
	{"exporter-attr", "exporter/containerimage/exptypes/keys.go", []string{"OptKey"}},
	{"exporter-attr", "exporter/exptypes/keys.go", []string{"OptKey"}},
	{"exporter-attr", "exporter/local/fs.go", []string{"key"}},
	{"exporter-attr", "exporter/oci/export.go", []string{"key"}},
	{"result", "exporter/containerimage/exptypes/types.go", []string{"Exporter"}},
	{"result", "exporter/exptypes/keys.go", []string{"ExporterEpochKey"}},
	{"result", "cache/remotecache/export.go", []string{"ExporterResponseManifestDesc"}},
	{"subrequest", "frontend/subrequests/describe.go", []string{"Request"}},
	{"subrequest", "frontend/subrequests/lint/lint.go", []string{"RequestLint"}},
	{"subrequest", "frontend/subrequests/outline/outline.go", []string{"RequestSubrequestsOutline"}},
	{"subrequest", "frontend/subrequests/targets/targets.go", []string{"RequestTargets"}},
	{"subrequest", "frontend/subrequests/convertllb/convertllb.go", []string{"RequestConvertLLB"}},
	{"gateway-cap", "frontend/gateway/pb/caps.go", []string{"Cap"}},
	{"entitlement", "util/entitlements/entitlements.go", []string{"Entitlement"}},
}

// keys lists the names below the folder of BuildKit's source, a group and a name on each line.
func keys(source string) (string, error) {
	lines := map[string]bool{}
	for _, file := range keyFiles {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(source, file.path), nil, parser.SkipObjectResolution)
		if err != nil {
			return "", err
		}
		found := 0
		for _, decl := range parsed.Decls {
			values, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range values.Specs {
				value, ok := spec.(*ast.ValueSpec)
				if !ok || len(value.Names) != len(value.Values) {
					continue
				}
				for i, name := range value.Names {
					literal, ok := value.Values[i].(*ast.BasicLit)
					if !ok || literal.Kind != token.STRING || !file.has(name.Name) {
						continue
					}
					text, err := strconv.Unquote(literal.Value)
					if err != nil {
						return "", err
					}
					lines[file.group+" "+text] = true
					found++
				}
			}
		}
		if found == 0 {
			return "", fmt.Errorf("%s has no %v", file.path, file.names)
		}
	}
	var sorted []string
	for line := range lines {
		sorted = append(sorted, line)
	}
	slices.Sort(sorted)
	return strings.Join(sorted, "\n") + "\n", nil
}

func (f keyFile) has(name string) bool {
	return slices.ContainsFunc(f.names, func(beginning string) bool { return strings.HasPrefix(name, beginning) })
}
