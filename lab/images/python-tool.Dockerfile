# An older release of python:3.11-slim in the lab: the same files in a layer of their own, because the public images of two releases
# share none.
FROM python:3.11-slim AS newer
FROM debian:bookworm-slim
ENV PATH=/usr/local/bin:$PATH
ENV LANG=C.UTF-8
COPY --from=newer /etc /etc
COPY --from=newer /usr /usr
CMD ["python3"]
