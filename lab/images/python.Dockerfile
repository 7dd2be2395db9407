# python:3.11-slim of the lab: Debian's interpreter at the public image's paths. Unlike there, no pip is installed
# outside virtual environments, and the interpreter's own modules lie below /usr/lib.
FROM debian:bookworm-slim
ENV PATH=/usr/local/bin:$PATH
ENV LANG=C.UTF-8
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates netbase tzdata python3 python3-venv \
 && rm -rf /var/lib/apt/lists/* /var/log/apt/* /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache \
# The public image's interpreter may be installed into.
 && rm /usr/lib/python3.11/EXTERNALLY-MANAGED \
 && for name in python3.11 python3 python; do ln -s /usr/bin/python3.11 /usr/local/bin/$name; done
ENV PYTHON_VERSION=3.11.2
CMD ["python3"]
