"""Not micromamba: an adapter that gives py-rattler the part of micromamba's command line that the lab's builds use.

Commands and options mean what they mean in micromamba 2.0.3. What that does not know is refused as it refuses it, with
the same exit code; what it knows and this does not do is refused with exit code 70 and other words. Traits of
micromamba that a build can trip over are imitated too: which environment variables count and that `--no-env` turns them
off, that an existing prefix is refused, certificates wanted even for plain http, the files left in the prefix, in the
root prefix and at home, the time stamps of files that could not be hard-linked, and byte code that has those in it.

Solving, downloading and linking are rattler's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from rattler import GenericVirtualPackage, RepoDataRecord

VERSION = "2.0.3"
NOT_DONE = 70

# CLI11's exit codes.
VALIDATION, EXTRAS, ARGUMENTS = 105, 109, 114

# Options of `create` and `install`, each with the name under which its value is kept.
FLAGS = {
    "-y": ("yes", True),
    "--yes": ("yes", True),
    "-q": ("quiet", True),
    "--quiet": ("quiet", True),
    "--json": ("json", True),
    "--no-rc": ("no_rc", True),
    "--no-env": ("no_env", True),
    "--override-channels": ("override_channels", True),
    "--pyc": ("pyc", True),
    "--no-pyc": ("pyc", False),
}
VALUES = {
    "-r": "root_prefix",
    "--root-prefix": "root_prefix",
    "-p": "prefix",
    "--prefix": "prefix",
    "-n": "name",
    "--name": "name",
    "-c": "channel",
    "--channel": "channel",
    "--channel-priority": "channel_priority",
    "--channel-alias": "channel_alias",
    "--platform": "platform",
    "--ssl-verify": "ssl_verify",
    "--cacert-path": "cacert_path",
}
# micromamba's other ones, and its other commands.
OPTIONS_NOT_DONE = """
-h --help -v --verbose --offline --dry-run --download-only --experimental --debug --print-context-only
--print-config-only --ssl-no-revoke --retry-clean-cache --strict-channel-priority --no-channel-priority --no-pin --pin
--no-py-pin --py-pin --allow-uninstall --no-allow-uninstall --allow-downgrade --no-allow-downgrade --allow-softlinks
--no-allow-softlinks --always-softlink --no-always-softlink --always-copy --copy --no-always-copy --shortcuts
--no-shortcuts --extra-safety-checks --no-extra-safety-checks --verify-artifacts --exp-repodata-parsing
--no-exp-repodata-parsing --no-deps --only-deps --rc-file --log-level --relocate-prefix --repodata-ttl -f --file
--lock-timeout --safety-checks --trusted-channels --category
"""
INSTALL_OPTIONS_NOT_DONE = "--freeze-installed --force-reinstall"
COMMANDS_NOT_DONE = """
shell update self-update repoquery remove list package clean info constructor env activate run ps auth search
"""
# What the environment says where an option does not.
ENVIRONMENT = {
    "root_prefix": ["MAMBA_ROOT_PREFIX"],
    "prefix": ["MAMBA_TARGET_PREFIX"],
    "channel_priority": ["MAMBA_CHANNEL_PRIORITY"],
    "channel_alias": ["MAMBA_CHANNEL_ALIAS"],
    "platform": ["CONDA_SUBDIR", "MAMBA_PLATFORM"],
    "ssl_verify": ["MAMBA_SSL_VERIFY"],
    "cacert_path": ["MAMBA_CACERT_PATH"],
    "pyc": ["MAMBA_COMPILE_PYC"],
}
PRIORITIES = ["disabled", "flexible", "strict"]
CERTIFICATES = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
]


class MicromambaError(Exception):
    """What micromamba logs before it exits with 1; the last text as `critical`."""


class RefusedError(Exception):
    """An exit code and the text before it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def usage(code: int, text: str) -> RefusedError:
    return RefusedError(code, f"{text}\nRun with --help for more information.")


def not_done(what: str) -> RefusedError:
    return RefusedError(NOT_DONE, f"micromamba adapter of the lab: {what} is micromamba's, but not done here")


@dataclass
class Arguments:
    """A command line of `create` or `install`."""

    specs: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    flags: dict[str, bool] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, value: str) -> None:
        if name == "channel":
            self.channels.append(value)
        else:
            self.values[name] = value

    def flag(self, name: str, default: bool = False) -> bool:
        return self.flags.get(name, default)

    def value(self, name: str) -> str | None:
        """What the command line or else the environment says."""
        if name in self.values or self.flag("no_env"):
            return self.values.get(name)
        return next((os.environ[name] for name in ENVIRONMENT.get(name, []) if name in os.environ), None)


def parse(command: str, words: list[str]) -> Arguments:
    not_done_here = set((OPTIONS_NOT_DONE + (INSTALL_OPTIONS_NOT_DONE if command == "install" else "")).split())
    arguments, unexpected, rest = Arguments(), [], list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            arguments.specs.append(word)
            continue
        if word == "--":
            arguments.specs += rest
            break
        name, attached = split(word)
        if name in not_done_here or (name in FLAGS and attached and word.startswith("--")):
            raise not_done(word)
        if name in FLAGS:
            kept, value = FLAGS[name]
            arguments.flags[kept] = value
            # -qy is -q -y.
            rest[:0] = [f"-{attached}"] if attached else []
        elif name in VALUES:
            if attached is None and not rest:
                raise usage(ARGUMENTS, f"{name}: 1 required TEXT missing")
            arguments.keep(VALUES[name], rest.pop(0) if attached is None else attached)
        else:
            unexpected.append(word)
    if unexpected:
        many = "s were" if len(unexpected) > 1 else " was"
        raise usage(EXTRAS, f"The following argument{many} not expected: {' '.join(unexpected)}")
    priority = arguments.value("channel_priority")
    if priority is not None and priority.lower() not in PRIORITIES:
        raise usage(VALIDATION, f"--channel-priority: Check {priority} value in {{{','.join(PRIORITIES)}}} FAILED")
    return arguments


def split(word: str) -> tuple[str, str | None]:
    """An option and what is attached to it: `--name=value`, `-nvalue`."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value if equals else None
    return word[:2], word[2:] or None


class Environment:
    """One call of `create` or `install`."""

    def __init__(self, command: str, arguments: Arguments) -> None:
        self.command = command
        self.arguments = arguments
        root = arguments.value("root_prefix")
        self.root = Path(root or Path.home() / ".local/share/mamba").resolve()
        self.prefix = self._prefix()
        machine = platform.machine()
        self.platform = arguments.value("platform") or f"linux-{'64' if machine == 'x86_64' else machine}"
        if not self.platform.startswith("linux-"):
            raise not_done(f"the platform {self.platform}")
        packages = None if arguments.flag("no_env") else os.environ.get("CONDA_PKGS_DIRS")
        self.cache = Path(packages.split(",")[0]).resolve() if packages else self.root / "pkgs"

    def run(self) -> None:
        self._refuse_configuration()
        self._check_prefix()
        self._find_certificates()
        if self.arguments.value("platform") is not None:
            self.prefix.mkdir(parents=True, exist_ok=True)
            (self.prefix / ".mambarc").write_text(f"platform: {self.platform}")
        # Only now: rattler reads the environment when it is imported.
        records = asyncio.run(self._solve_and_install())
        copied = [path for record in records for path in self._files(record) if path.stat().st_nlink == 1]
        for path in copied:
            os.utime(path)
        if self.arguments.flag("pyc", self.arguments.value("pyc") not in ("false", "0")):
            self._compile(records)
        self._write_history(records)
        self._register()
        self._report(records)

    def _prefix(self) -> Path:
        name = self.arguments.values.get("name")
        if name is not None and "prefix" in self.arguments.values:
            raise MicromambaError("Cannot set both prefix and env name", "Aborting.")
        if name is not None:
            return self.root if name == "base" else self.root / "envs" / name
        prefix = self.arguments.value("prefix")
        if prefix is None and self.command == "install":
            prefix = os.environ.get("CONDA_PREFIX") or str(self.root)
        if prefix is None:
            raise MicromambaError("No target prefix specified", "Aborting.")
        return Path(prefix).resolve() if "/" in prefix else self.root / "envs" / prefix

    def _refuse_configuration(self) -> None:
        """Configuration files would be obeyed by micromamba."""
        if self.arguments.flag("no_rc"):
            return
        folders = [Path.home(), self.root, Path("/etc/conda")]
        for path in [folder / name for folder in folders for name in (".condarc", ".mambarc", "condarc", ".condarc.d")]:
            lines = path.read_text().splitlines() if path.is_file() else []
            if any(line.strip() and line.partition(":")[0].strip() != "use_lockfiles" for line in lines):
                raise not_done(f"reading {path}")

    def _check_prefix(self) -> None:
        meta = (self.prefix / "conda-meta").exists()
        if self.command == "install":
            if not self.prefix.exists():
                raise MicromambaError(f"No prefix found at: {self.prefix}", "Aborting.")
            if not meta:
                raise MicromambaError(f"Expected environment not found at prefix: {self.prefix}", "Aborting.")
        elif self.prefix.exists():
            if self.prefix == self.root:
                raise MicromambaError("Overwriting root prefix is not permitted", "Aborting.")
            if not meta:
                raise MicromambaError("Non-conda folder exists at prefix", "Aborting.")
            if not self.arguments.flag("yes"):
                raise MicromambaError("Aborting.")
            shutil.rmtree(self.prefix)

    def _find_certificates(self) -> None:
        verify = self.arguments.value("ssl_verify") or ""
        if verify in ("false", "0", "<false>"):
            if any(url.startswith("https://") for url in self._channel_urls()):
                raise not_done("https without verification")
            return
        verify = self.arguments.value("cacert_path") or verify
        if verify in ("", "true", "1", "<true>", "<system>"):
            found = [path for path in CERTIFICATES if os.path.exists(path)]
            if not found:
                raise MicromambaError("No CA certificates found on system, aborting")
            verify = found[-1]
        if not os.path.exists(verify):
            raise MicromambaError("ssl_verify does not contain a valid file path.")
        os.environ["SSL_CERT_FILE"] = verify
        os.environ.pop("SSL_CERT_DIR", None)

    def _channel_urls(self) -> list[str]:
        channels = [channel for channel in self.arguments.channels if channel != "nodefaults"]
        if not (self.arguments.flag("override_channels") or self.arguments.flag("no_env")):
            channels += filter(None, os.environ.get("CONDA_CHANNELS", "").split(","))
        alias = (self.arguments.value("channel_alias") or "https://conda.anaconda.org").rstrip("/")
        return [channel if "://" in channel else f"{alias}/{channel}" for channel in channels or ["conda-forge"]]

    async def _solve_and_install(self) -> list[RepoDataRecord]:
        import rattler
        from rattler.exceptions import SolverError

        if any("::" in spec for spec in self.arguments.specs):
            raise not_done("a channel within a package's name")
        self.cache.mkdir(parents=True, exist_ok=True)
        client = rattler.Client.default_client()
        gateway = rattler.Gateway(cache_dir=self.cache / "cache", client=client)
        installed = [rattler.PrefixRecord.from_path(path) for path in sorted(self.prefix.glob("conda-meta/*.json"))]
        specs = [rattler.MatchSpec(spec) for spec in self.arguments.specs]
        asked = {spec.name.normalized for spec in specs}
        kept = {record.name.normalized: record for record in installed if record.name.normalized not in asked}
        pins = [f"python {'.'.join(str(kept['python'].version).split('.')[:2])}.*"] if "python" in kept else []
        priority = self.arguments.value("channel_priority") or "flexible"
        try:
            records = await rattler.solve(
                sources=[rattler.Channel(url) for url in self._channel_urls()],
                specs=[*specs, *(rattler.MatchSpec(name) for name in kept)],
                gateway=gateway,
                platforms=[rattler.Platform(self.platform), rattler.Platform("noarch")],
                locked_packages=installed,
                virtual_packages=virtual_packages(self.platform),
                channel_priority=rattler.ChannelPriority[priority.capitalize()],
                constraints=pins,
                add_pip_as_python_dependency=True,
            )
        except SolverError as error:
            raise MicromambaError(str(error), "Could not solve for environment specs") from error
        await rattler.install(
            records,
            self.prefix,
            cache_dir=self.cache,
            installed_packages=installed,
            platform=rattler.Platform(self.platform),
            execute_link_scripts=True,
            show_progress=False,
            client=client,
        )
        # What rattler leaves in a prefix otherwise than micromamba.
        (self.prefix / "CACHEDIR.TAG").unlink(missing_ok=True)
        for path in self.prefix.glob("conda-meta/*.json"):
            path.chmod(0o644)
        before = {identity(record) for record in installed}
        return [record for record in records if identity(record) not in before]

    def _meta(self, record: RepoDataRecord) -> dict:
        return json.loads((self.prefix / "conda-meta" / f"{'-'.join(identity(record))}.json").read_text())

    def _files(self, record: RepoDataRecord) -> list[Path]:
        """Regular files of an installed package."""
        paths = [self.prefix / name for name in self._meta(record)["files"]]
        return [path for path in paths if path.is_file() and not path.is_symlink()]

    def _compile(self, records: list[RepoDataRecord]) -> None:
        """Byte code of noarch packages, by the prefix's interpreter; one that cannot run here compiles nothing."""
        interpreters = sorted(self.prefix.glob("bin/python3.[0-9]*"))
        sources = [
            str(path.relative_to(self.prefix))
            for record in records
            if record.noarch.python
            for path in self._files(record)
            if path.suffix == ".py" and "site-packages" in path.parts
        ]
        if not interpreters or not sources:
            return
        program = "import compileall, sys\nfor name in sys.stdin: compileall.compile_file(name.rstrip('\\n'), quiet=1)"
        try:
            # micromamba gives it no environment, so no SOURCE_DATE_EPOCH either.
            subprocess.run(
                [interpreters[0], "-Wi", "-c", program],
                input="\n".join(sources),
                cwd=self.prefix,
                env={"MAMBA_EXTRACT_THREADS": "0"},
                text=True,
                check=False,
                capture_output=True,
            )
        except OSError:
            return

    def _write_history(self, records: list[RepoDataRecord]) -> None:
        urls = [record.url for record in records]
        with (self.cache / "urls.txt").open("a") as file:
            file.writelines(f"{url}\n" for url in urls)
        lines = [
            f"==> {time.strftime('%Y-%m-%d %H:%M:%S')} <==",
            f"# cmd: {' '.join(sys.argv)}",
            "# conda version: 3.8.0",
            *(f"+{url.removesuffix('.conda').removesuffix('.tar.bz2')}" for url in urls),
            f"# update specs: [{', '.join(json.dumps(spec) for spec in self.arguments.specs)}]",
        ]
        with (self.prefix / "conda-meta/history").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def _register(self) -> None:
        """Environments are listed at home; micromamba 2.0.3 has no way to prevent it."""
        path = Path.home() / ".conda/environments.txt"
        known = path.read_text().splitlines() if path.exists() else []
        if self.command == "create" and str(self.prefix) not in known:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(f"{self.prefix}\n")

    def _report(self, records: list[RepoDataRecord]) -> None:
        links = [
            {
                **dict(zip(("name", "version", "build_string"), identity(record), strict=True)),
                "build_number": record.build_number,
                "subdir": record.subdir,
                "channel": record.channel,
                "url": record.url,
                "sha256": record.sha256.hex() if record.sha256 else "",
                "md5": record.md5.hex() if record.md5 else "",
            }
            for record in records
        ]
        if self.arguments.flag("json"):
            prefix = str(self.prefix)
            actions = {"LINK": links, "PREFIX": prefix}
            print(json.dumps({"actions": actions, "dry_run": False, "prefix": prefix, "success": True}, indent=4))
        elif not self.arguments.flag("quiet"):
            for link in links:
                print("  + {name} {version} {build_string} {channel}".format(**link))
            print("\nTransaction finished")


def identity(record: RepoDataRecord) -> tuple[str, str, str]:
    return record.name.normalized, str(record.version), str(record.build)


def virtual_packages(subdir: str) -> list[GenericVirtualPackage]:
    """What the system has, as micromamba sees it: of a foreign platform, what this one has."""
    from rattler import BuildString, GenericVirtualPackage, PackageName, Version

    glibc = os.environ.get("CONDA_OVERRIDE_GLIBC", os.confstr("CS_GNU_LIBC_VERSION").removeprefix("glibc "))
    kernel = os.environ.get("CONDA_OVERRIDE_LINUX", platform.release().partition("-")[0])
    architecture = subdir.partition("-")[2]
    archspec = os.environ.get("CONDA_OVERRIDE_ARCHSPEC", {"64": "x86_64", "32": "x86"}.get(architecture, architecture))
    found = [("__unix", "0", "0"), ("__linux", kernel or "0", "0"), ("__archspec", "1", archspec)]
    if glibc:
        found.append(("__glibc", glibc, "0"))
    if os.environ.get("CONDA_OVERRIDE_CUDA"):
        found.append(("__cuda", os.environ["CONDA_OVERRIDE_CUDA"], "0"))
    return [
        GenericVirtualPackage(PackageName(name), Version(version), BuildString(how)) for name, version, how in found
    ]


def configure(words: list[str]) -> None:
    """`config set use_lockfiles …`, with which Flytekit's builds begin; rattler locks as it sees fit."""
    if words[:2] != ["set", "use_lockfiles"] or len(words) != 3:
        raise not_done(f"config {' '.join(words)}")
    path = Path.home() / ".condarc"
    before = path.read_text().splitlines() if path.exists() else []
    lines = [line for line in before if line.partition(":")[0].strip() != "use_lockfiles"]
    path.write_text("".join(f"{line}\n" for line in [*lines, f"use_lockfiles: {words[2].lower()}"]))


def act(words: list[str]) -> None:
    match words:
        case ["--version"]:
            print(VERSION)
        case ["config", *rest]:
            configure(rest)
        case [("create" | "install") as command, *rest]:
            arguments = parse(command, rest)
            if not arguments.specs:
                raise not_done(f"{command} without packages")
            Environment(command, arguments).run()
        case [word, *_] if word in (COMMANDS_NOT_DONE + OPTIONS_NOT_DONE).split():
            raise not_done(word)
        case []:
            raise not_done("a call without a command")
        case [word, *_]:
            raise usage(EXTRAS, f"The following argument was not expected: {word}")


def main() -> NoReturn:
    # The bundle's own libraries are not for the programs that packages run.
    original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if original:
        os.environ["LD_LIBRARY_PATH"] = original
    print("micromamba: an adapter of the lab on py-rattler, not micromamba itself", file=sys.stderr)
    code = 0
    try:
        act(sys.argv[1:])
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        code = refusal.code
    except MicromambaError as failure:
        *before, last = failure.args
        for text in before:
            print(f"error    libmamba {text}", file=sys.stderr)
        print(f"critical libmamba {last}", file=sys.stderr)
        code = 1
    except Exception as error:  # Every one of rattler's: what micromamba logs and exits with 1 for.
        print(f"critical libmamba {error}", file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # rattler's threads may still come back for an interpreter that is being taken down, which aborts.
    os._exit(code)


if __name__ == "__main__":
    main()
