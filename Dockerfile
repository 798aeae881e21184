# The image is made from nothing but the executable and the C library that it is linked to.
# The build stage takes any image with Node.js 20 or newer, npm and bash on Linux with glibc.
ARG BUILD_IMAGE=node:22-bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY compile.sh ./
COPY src src
RUN ./compile.sh

FROM scratch AS proxy
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="egress-http-proxy" \
      org.opencontainers.image.description="An egress HTTP proxy for Kubernetes with first-match destination rules" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/dist/rootfs /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/egress-http-proxy"]
