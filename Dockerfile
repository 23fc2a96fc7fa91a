# The service in a small image that does not run as root. Three roles from one image, chosen by ROLE; every
# setting comes from the environment. Redis is elsewhere: name it by PUBSUB_REDIS_URL.
#
#   docker build -t hookswitch .
#   docker run --read-only -e PUBSUB_REDIS_URL=redis://redis:6379 -p 8080:8080 hookswitch
#   docker exec <container> hookswitch doctor

# The same version as engines.bun in package.json. Where builds must be repeatable to the byte, name the digest too:
# --build-arg BUN_IMAGE=oven/bun:1.4.5-slim@sha256:...
ARG BUN_VERSION=1.4.5
ARG BUN_IMAGE=oven/bun:${BUN_VERSION}-slim

FROM ${BUN_IMAGE} AS dependencies
WORKDIR /app
COPY package.json bun.lock bunfig.toml ./
# Install scripts of packages are not needed and are not run. Optional packages are firebase-admin's clients for
# Firestore and Storage, 34 MB that a push does not use; the compiler and the type declarations, which come as
# somebody's peers, are 40 MB that nothing reads at run time.
RUN bun install --frozen-lockfile --production --omit optional --ignore-scripts \
  && rm -rf node_modules/typescript node_modules/@typescript node_modules/bun-types

FROM ${BUN_IMAGE}
LABEL org.opencontainers.image.title="hookswitch" \
      org.opencontainers.image.description="Wakes sleeping phone apps for incoming calls, and drives FreeSWITCH from Redis." \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
# Nothing is written: the file system may be read-only.
ENV NODE_ENV=production BUN_RUNTIME_TRANSPILER_CACHE_PATH=0
# The command line, beside the service: hookswitch doctor, hookswitch calls.
RUN printf '#!/bin/sh\nexec bun /app/src/cli.ts "$@"\n' > /usr/local/bin/hookswitch \
  && chmod 0755 /usr/local/bin/hookswitch
# Everything belongs to root: the service reads its own code and cannot change it.
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json bun.lock bunfig.toml tsconfig.json ./
COPY workers ./workers
COPY src ./src
# The user bun of the base image, by number: Kubernetes' runAsNonRoot can't read names.
USER 1000:1000
# The public listener, and the internal one. The latter answers on loopback alone until INTERNAL_HOST opens
# it, which asks for ADMIN_TOKEN.
EXPOSE 8080 9090
# The first signal drains, the second ends at once. A drain may wait for calls to end: give `docker stop` the
# time (docs/operations.md, "Stopping").
STOPSIGNAL SIGTERM
# On the internal listener, which every role has.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
  CMD ["bun", "-e", "const answer = await fetch('http://127.0.0.1:' + (process.env.INTERNAL_PORT || 9090) + '/healthz'); process.exit(answer.ok ? 0 : 1)"]
CMD ["bun", "src/main.ts"]
