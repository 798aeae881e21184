# Two images made from nothing but the files of dist/rootfs, as compile.sh lays them out. No command is in them: the proxy
# runs, or with EGRESS_ROUTER_MODE=http-proxy the network is set up.
#   docker build -t egress-http-proxy .                           the proxy, of the last stage
#   docker build -t egress-http-proxy-router --target router .    the init container of an egress router pod
# The build stage takes any Debian image with Node.js 20 or newer and npm, or with Bun, and gets what else it needs from the
# npm registry and Debian's. It runs on the builder's own CPU; with BuildKit --platform picks that of the image.
ARG BUILD_IMAGE=docker.io/library/node:22-bookworm-slim

FROM --platform=${BUILDPLATFORM} ${BUILD_IMAGE} AS build
ARG TARGETARCH
WORKDIR /src
# The C library that the executable is linked with, and the compiler for that; both for the CPU of the image.
RUN set -eu; \
    case "${TARGETARCH:-$(dpkg --print-architecture)}" in \
      amd64) target=x86_64 triplet=x86-64-linux-gnu ;; \
      arm64) target=aarch64 triplet=aarch64-linux-gnu ;; \
      *) echo "Cannot build for '$TARGETARCH': amd64 and arm64 are known" >&2; exit 1 ;; \
    esac; \
    echo "$target" >/target; \
    packages="binutils gcc libc6-dev"; \
    if [ "$target" != "$(uname -m)" ]; then \
      packages="binutils gcc-$triplet libc6-dev-${TARGETARCH}-cross"; \
    fi; \
    dpkg-query --show $packages >/dev/null 2>&1 || { \
      apt-get update && \
      DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $packages && \
      rm -rf /var/lib/apt/lists/*; \
    }
COPY package.json package-lock.json .npmrc ./
RUN if command -v npm >/dev/null; then npm ci; else bun install --frozen-lockfile; fi
COPY . .
RUN ./compile.sh --target "$(cat /target)"

FROM scratch AS files
COPY --from=build /src/dist/rootfs /
ENTRYPOINT ["/egress-http-proxy"]
ARG VERSION=0.1.0
ARG SOURCE=""
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.licenses="Apache-2.0"

# Root, since another user would lose its capabilities at the start of the program, and a file that had them could not be
# started where they are dropped. It takes NET_ADMIN and NET_RAW and no more.
FROM files AS router
LABEL org.opencontainers.image.title="egress-http-proxy-router" \
      org.opencontainers.image.description="The init container of an egress router pod: sets up its network and announces its address"
USER 0:0

FROM files AS proxy
LABEL org.opencontainers.image.title="egress-http-proxy" \
      org.opencontainers.image.description="An egress HTTP proxy for Kubernetes with first-match destination rules"
ENV EGRESS_HTTP_PROXY_ADMIN=:8081
USER 65532:65532
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/egress-http-proxy", "healthcheck"]
