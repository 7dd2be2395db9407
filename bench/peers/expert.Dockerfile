# What an expert writes for a spec of the bench: the guide of uv for Docker, Docker's own advice for apt, several stages, COPY --link.
# Words between at signs are replaced. In public it would begin with `# syntax=docker/dockerfile:1`; the lab has the builtin
# frontend of BuildKit instead.
FROM ghcr.io/astral-sh/uv:0.13.9 AS uv

FROM @BASE@ AS base

# System packages: a branch of their own. The package cache and apt's lists live in cache mounts, so they are in no layer.
FROM base AS system
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    --mount=type=tmpfs,target=/var/log \
    rm -f /etc/apt/apt.conf.d/docker-clean \
 && echo 'Binary::apt::APT::Keep-Downloaded-Packages "true";' > /etc/apt/apt.conf.d/keep-cache \
 && apt-get update \
 && apt-get install -y --no-install-recommends @APT@

# The environment: on the base, beside apt, so that neither waits for nor invalidates the other.
FROM base AS venv
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PYTHON=/usr/local/bin/python3.11 \
    UV_PROJECT_ENVIRONMENT=/opt/venv
WORKDIR /build
RUN --mount=from=uv,source=/uv,target=/bin/uv \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=secret,id=ca_bundle,target=/run/ca.pem \
    SSL_CERT_FILE=/run/ca.pem uv sync --locked --no-dev --no-install-project

# The image: independent layers (COPY --link makes a MergeOp), WORKDIR before them because it is a file op that would realise
# the merge, ENV last, so that an edit of it reruns nothing.
FROM system
WORKDIR /root
COPY --link --from=venv /opt/venv /opt/venv
COPY --link src/ /root/
ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv PYTHONPATH=/root
@EXTRA@
ENV LOG_LEVEL=@LOG@
