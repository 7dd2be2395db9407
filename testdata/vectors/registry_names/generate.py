"""Writes vectors.json beside this file: registry names, and what Flytekit's own check says of each.

A spec's `registry` has to be refused and accepted where Flytekit refuses and accepts it. The verdicts are those of
`validate_container_registry_name`; run this with an interpreter whose environment has the `flytekit` of the wanted
version, `python generate.py`. The names are a fixed list and the order is theirs, so that the file only changes when
Flytekit does.

The function is asked about the name as it stands. `ImageSpec` makes a registry lower case before it asks, and does not
ask about an empty one; neither is in the verdicts.
"""

import json
import pathlib
from importlib import metadata

from flytekit.image_spec.image_spec import validate_container_registry_name

DIGEST = "0123456789abcdef" * 4

NAMES = [
    # Hosts alone.
    "docker.io", "index.docker.io", "registry-1.docker.io", "ghcr.io", "gcr.io", "eu.gcr.io", "us.gcr.io", "quay.io",
    "nvcr.io", "mcr.microsoft.com", "public.ecr.aws", "cr.flyte.org", "registry.gitlab.com", "registry.example.com",
    "registry", "a", "0", "1234", "a.b", "a.b.c.d.e.f",
    # With a namespace.
    "docker.io/username", "docker.io/library", "ghcr.io/username", "ghcr.io/org/team", "ghcr.io/org/team/project",
    "quay.io/org", "gcr.io/my-project", "gcr.io/my-project/folder", "public.ecr.aws/a1b2c3d4",
    "mcr.microsoft.com/azureml",
    "nvcr.io/nvidia/pytorch", "registry.gitlab.com/group/subgroup/project", "username", "org/team", "a/b/c/d/e/f/g/h",
    # The clouds' shapes.
    "123456789012.dkr.ecr.us-east-1.amazonaws.com", "123456789012.dkr.ecr.us-east-1.amazonaws.com/team",
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/sub", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team",
    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/team", "us-central1-docker.pkg.dev/my-project/my-repo",
    "europe-west4-docker.pkg.dev/my-project/my-repo/folder", "us-docker.pkg.dev/example.com:my-project/my-repo",
    "europe-docker.pkg.dev/my-project", "myregistry.azurecr.io", "myregistry.azurecr.io/team",
    "myregistry.azurecr.cn/team",
    "fra.ocir.io/tenancy/repo", "registry.digitalocean.com/my-registry", "de.icr.io/namespace",
    "rg.fr-par.scw.cloud/namespace", "registry.cn-hangzhou.aliyuncs.com/namespace", "harbor.example.com/project",
    "artifactory.example.com/docker-local", "example.jfrog.io/docker-local", "nexus.example.com:8083/docker",
    # Ports.
    "localhost:30000", "localhost:5000", "localhost:5000/team", "localhost:5000/a/b", "localhost:0", "localhost:00000",
    "localhost:65535", "localhost:65536", "localhost:99999", "localhost:100000", "localhost:123456", "localhost:",
    "localhost:/team", "localhost:port", "localhost:5000:5000", "localhost:-1", "localhost:+1", "localhost: 5000",
    "localhost:5000 ", "localhost:5 000", "localhost:5000/", "registry.example.com:443",
    "registry.example.com:443/team",
    "registry.example.com:0", "registry.example.com:99999/team", "registry.example.com:100000/team",
    "registry.example.com:", "registry.example.com:/team", "registry.example.com:https", "registry:5000",
    "registry:5000/a",
    "host:5000/a:5000", "host/a:5000", ":5000", ":5000/a", ":",
    # localhost.
    "localhost", "localhost/team", "localhost/team/sub", "localhost.localdomain", "localhost.localdomain:5000/team",
    "Localhost:5000", "LOCALHOST:5000", "localhost.:5000", "xlocalhost:5000", "localhostx:5000",
    # Addresses.
    "127.0.0.1", "127.0.0.1:5000", "127.0.0.1:5000/team", "10.0.0.1/team", "192.168.1.10:30000/a/b", "999.999.999.999",
    "0.0.0.0:5000", "1.2.3", "[::1]", "[::1]:5000", "[::1]:5000/team", "[2001:db8::1]/team", "::1", "2001:db8::1",
    "host.docker.internal:5000", "k3d-registry:5000", "registry.kube-system.svc.cluster.local:5000/team",
    # Case.
    "GHCR.io", "Ghcr.io/username", "GHCR.IO/USERNAME", "ghcr.io/Username", "ghcr.io/USERNAME", "ghcr.io/user/Team",
    "ghcr.io/UPPER/lower", "Username", "USERNAME", "uSername/team", "host:5000/Team",
    # Dots.
    ".", "..", "...", ".docker.io", "docker.io.", "docker..io", "docker.io./team", ".docker.io/team", "docker.io/.",
    "docker.io/..", "docker.io/../team", "docker.io/.team", "docker.io/team.", "docker.io/te.am", "docker.io/te..am",
    "./team", "../team",
    # Slashes.
    "/", "//", "/docker.io", "/docker.io/team", "docker.io/", "docker.io//", "docker.io/team/", "docker.io//team",
    "docker.io/team//sub", "docker.io/team/sub/", "//docker.io/team", "docker.io\\team", "\\", "/team",
    # Underscores and dashes.
    "_", "__", "-", "--", "_docker.io", "docker_io", "docker__io", "docker_io/team", "docker.io/_team",
    "docker.io/team_",
    "docker.io/__team", "docker.io/te_am", "docker.io/te__am", "docker.io/te___am", "docker.io/_", "docker.io/__",
    "-docker.io", "docker.io-", "docker-hub.io", "docker--hub.io", "-docker.io/team", "docker.io/-team",
    "docker.io/team-",
    "docker.io/te-am", "docker.io/te--am", "docker.io/-", "docker.io/--", "docker.io/te-_.am", "docker.io/._-",
    # Nothing, blanks and ends of lines.
    "", " ", "  ", "\t", "\n", "\r\n", " docker.io", "docker.io ", "docker.io/ team", "docker.io /team",
    "docker.io/te am",
    "docker.io/team ", "\tdocker.io", "docker.io\t", "docker.io\n", "docker.io/team\n", "localhost:5000\n",
    "docker.io\n\n", "docker.io/team\r\n", "docker.io/team\r", "\ndocker.io", "docker.io\n/team", "docker.io\nteam",
    "docker.io\u00a0", "docker.io\u2028", "docker.io\u0085", "docker.io\u0000", "docker.io/te\u0000am",
    "docker.io\u200b", "\ufeffdocker.io",
    # Tags, digests, schemes and other parts of URLs.
    "docker.io/team:latest", "docker.io/team/image:1.0", "docker.io/team:1", "docker.io:latest", "docker.io:1",
    "image:latest", "image:1", "ghcr.io/team/image@sha256:" + DIGEST, "ghcr.io/team@sha256", "sha256:" + DIGEST, DIGEST,
    "ghcr.io@team", "http://docker.io", "https://docker.io", "https://docker.io/team", "https://localhost:5000",
    "docker://docker.io/team", "oci://ghcr.io/team", "http:localhost", "https:/docker.io", "//ghcr.io",
    "user@ghcr.io/team", "user:password@ghcr.io/team", "user:5000@ghcr.io", "ghcr.io/team?x=1", "ghcr.io/team#x",
    "ghcr.io/~team", "ghcr.io/team%20x", "ghcr.io/team+x", "ghcr.io/team,x", "ghcr.io/team;x", "ghcr.io/team=x",
    "ghcr.io/team&x", "ghcr.io/team*", "ghcr.io/te$am", "$REGISTRY", "${REGISTRY}/team", "{{registry}}", "<registry>",
    "'ghcr.io'", "\"ghcr.io\"", "ghcr.io/(team)", "ghcr.io/[team]", "ghcr.io/te|am", "ghcr.io/te^am", "ghcr.io/te`am",
    "ghcr.io/te!am", "*.example.com", "*",
    # Letters and digits that are not ASCII's: the host takes decimal digits, the path letters, digits and numerals.
    "m\u00fcnchen.de", "xn--mnchen-3ya.de/team", "\u4f8b\u3048.jp/team", "ghcr.io/m\u00fcnchen", "ghcr.io/\u00c9quipe",
    "ghcr.io/\u4f8b\u3048", "ghcr.io/\u0627\u0628", "ghcr.io/e\u0301quipe", "ghcr.io/\u00bd", "ghcr.io/\u00b2",
    "ghcr.io/\u2167", "ghcr.io/\u00aa", "ghcr.io/\u02b0", "ghcr.io/\u0663", "\u0663.io/team", "\u0663", "\u00b2.io",
    "\u2167.io",
    "localhost:\u0665\u0660\u0660\u0660", "ghcr.io:\u0664\u0664\u0663/team", "ghcr.io/a\u203fb", "ghcr.io/a\u200db",
    "ghcr.io/a\u200cb", "ghcr.io/a\u0903b", "ghcr.io/a\u20ddb", "ghcr.io/\u24b6", "ghcr.io/\U0001f680",
    "ghcr.io/\u20ac", "ghcr\u3002io", "ghcr\uff0eio", "ghcr.io\uff0fteam",
    "ghcr.io\u2215team", "gh\u0441r.io", "\uff47hcr.io", "ghcr.io/\uff34eam", "ghcr.io/\u0130", "ghcr.io/\u212a",
    "\u212aube.io",
    "ghcr.io/a\u2010b", "ghcr.io/a\u2013b", "ghcr.io/a\u00b7b", "ghcr.io/\U0001d7d8", "\U0001d7d8.io",
    # Long ones.
    "a" * 63 + ".io", "a" * 64 + ".io", "a" * 255, "a" * 256, "a" * 300 + ".io/team", "ghcr.io/" + "a" * 128,
    "ghcr.io/" + "a" * 255, "ghcr.io/" + "a" * 5000, "ghcr.io" + "/a" * 500, "ghcr.io" + "/a" * 500 + "/",
    "a." * 500 + "io", "ghcr.io/" + "-" * 5000 + "!",
]


def main():
    seen = set()
    twice = [name for name in NAMES if name in seen or seen.add(name)]
    if twice:
        raise SystemExit(f"generate.py: listed twice: {twice}")
    vectors = [{"name": name, "accepted": accepted(name)} for name in NAMES]
    lines = ",\n".join("    " + json.dumps(vector) for vector in vectors)
    version = json.dumps(metadata.version("flytekit"))
    text = f'{{\n  "flytekit": {version},\n  "vectors": [\n{lines}\n  ]\n}}\n'
    json.loads(text)
    (pathlib.Path(__file__).parent / "vectors.json").write_text(text, encoding="utf-8")


def accepted(name):
    """The function answers yes or no; should a release raise instead, that is a no as well."""
    try:
        return bool(validate_container_registry_name(name))
    except ValueError:
        return False


if __name__ == "__main__":
    main()
