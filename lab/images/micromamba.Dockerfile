# mambaorg/micromamba of the lab: not micromamba itself, but conda/micromamba_adapter.py as a program at its path, beside the
# certificates that builds take from the image. There is no user mambauser and no entrypoint that activates environments.
FROM debian:bookworm-slim
ARG TARGETARCH
ENV LANG=C.UTF-8 LC_ALL=C.UTF-8
ENV ENV_NAME=base
ENV MAMBA_ROOT_PREFIX=/opt/conda
ENV MAMBA_EXE=/bin/micromamba
COPY ${TARGETARCH}/micromamba /usr/bin/micromamba
WORKDIR /tmp
CMD ["/bin/bash"]
