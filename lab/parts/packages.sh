# shellcheck shell=bash
# Programs from Debian and the Go module proxy. Programs for the scripts are installed; daemons are only unpacked, so that no service
# of the machine starts.

HOST_PACKAGES=(apache2-utils arch-test binfmt-support binutils ca-certificates curl iproute2 iptables kmod libpython3.11 mmdebstrap
  mount openssl patchelf procps python3 python3-venv qemu-user-static util-linux)

packages_install() {
  local missing package installed
  installed=$(dpkg-query -W -f ' ${Package}=${db:Status-Status} ' "${HOST_PACKAGES[@]}" 2>/dev/null || true)
  missing=()
  for package in "${HOST_PACKAGES[@]}"; do
    [[ $installed == *" $package=installed "* ]] || missing+=("$package")
  done
  # What is unpacked and mirror_of below need apt's lists as well.
  if ((${#missing[@]})) || ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
    apt-get update -qq
  fi
  ((${#missing[@]})) || return 0
  echo "installing ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
}

# mirror_of SUITE: the mirror of this suite in apt's configuration; the scripts contain no mirror.
# shellcheck disable=SC2016 # the dollars are apt's
mirror_of() {
  apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Identifier: Packages' 2>/dev/null |
    awk -v suite="$1" '$1 == suite { print $2; exit }'
}

# unpack FOLDER DEB-FOLDER: all packages of a folder into one tree.
unpack() {
  local deb
  rm -rf "$1"
  mkdir -p "$1.new"
  for deb in "$2"/*.deb; do dpkg -x "$deb" "$1.new"; done
  # An absolute link in the tree points to a file of the machine, which must not be overwritten.
  find "$1.new" -lname '/*' -delete
  mv "$1.new" "$1"
  rm -rf "$2"
}

packages_bookworm() {
  local packages=(containerd docker-registry docker.io runc tini) key
  key=${packages[*]}
  stamped bookworm "$key" && [[ -d $DEBS_BOOKWORM ]] && return
  rm -rf "$LAB/debs/bookworm.debs" && mkdir -p "$LAB/debs/bookworm.debs"
  (cd "$LAB/debs/bookworm.debs" && apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}")
  unpack "$DEBS_BOOKWORM" "$LAB/debs/bookworm.debs"
  stamp bookworm "$key"
}

packages_forky() {
  local packages=(containerd docker-buildx docker-cli docker.io) key mirror work=$LAB/debs/forky.apt options
  key=${packages[*]}
  stamped forky "$key" && [[ -d $DEBS_FORKY ]] && return
  mirror=$(mirror_of bookworm)
  rm -rf "$work" && mkdir -p "$work"/{lists/partial,cache/archives/partial,debs}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror forky main" >"$work/sources.list"
  # An outdated mirror may serve a Release file after its Valid-Until date, which only testing has.
  options=(-qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root
    -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
  apt-get "${options[@]}" update
  (cd "$work/debs" && apt-get "${options[@]}" download "${packages[@]}")
  unpack "$DEBS_FORKY" "$work/debs"
  rm -rf "$work"
  # forky changes: a C library that is too new is reported here and not by an engine later.
  "$DEBS_FORKY/usr/sbin/dockerd" --version
  "$DEBS_FORKY/usr/bin/docker" --version
  "$DEBS_FORKY/usr/bin/containerd" --version
  stamp forky "$key"
}

# go_command: prints the Go to build with: the one on PATH if it is recent enough, else one from the Go module proxy.
go_command() {
  local wanted have proxy archive
  wanted=$(sed -n 's/^go //p' "$LAB_SOURCE/buildkit/go.mod")
  for have in "$(command -v go || true)" /usr/local/go/bin/go "$LAB/go/bin/go"; do
    if [[ -x $have ]] && printf 'go%s\n%s\n' "$wanted" "$(GOTOOLCHAIN=local "$have" env GOVERSION)" | sort -V -C; then
      echo "$have"
      return
    fi
  done
  proxy=${GOPROXY:-https://proxy.golang.org}
  proxy=${proxy%%[,|]*}
  archive=$LAB/go.zip
  curl -fsS -o "$archive" "$proxy/golang.org/toolchain/@v/v0.0.1-go$GO_VERSION.linux-amd64.zip"
  sha256sum -c --quiet - <<<"$GO_SHA256  $archive" >&2
  rm -rf "$LAB/go" "$LAB/go.new"
  /usr/bin/python3 -m zipfile -e "$archive" "$LAB/go.new"
  mv "$LAB/go.new/golang.org/toolchain@v0.0.1-go$GO_VERSION.linux-amd64" "$LAB/go"
  # Zip files of the module proxy have no permission bits.
  chmod -R +x "$LAB/go/bin" "$LAB/go/pkg/tool"
  rm -rf "$archive" "$LAB/go.new"
  echo "$LAB/go/bin/go"
}
