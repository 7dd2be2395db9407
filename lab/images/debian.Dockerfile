# debian:bookworm-slim of the lab, from the tar that images/rootfs makes: one layer, the public image's config.
FROM scratch
ARG TARGETARCH
ADD debian-${TARGETARCH}.tar /
CMD ["bash"]
