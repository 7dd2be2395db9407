# ghcr.io/astral-sh/uv of the lab: the PyPI wheel's static binaries with the public image's layout and config.
FROM scratch
ARG TARGETARCH
COPY ${TARGETARCH}/uv ${TARGETARCH}/uvx /
WORKDIR /io
ENTRYPOINT ["/uv"]
