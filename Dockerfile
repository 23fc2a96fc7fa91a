# The service in a small image that does not run as root. Three roles from one image, chosen by ROLE; every
# setting comes from the environment. Redis is elsewhere: name it by PUBSUB_REDIS_URL.
#
#   docker build -t hookswitch .
#   docker run -e PUBSUB_REDIS_URL=redis://redis:6379 -p 8080:8080 hookswitch

# The same version as engines.bun in package.json.
ARG BUN_VERSION=1.4.5

FROM oven/bun:${BUN_VERSION}-slim AS dependencies
WORKDIR /app
COPY package.json bun.lock bunfig.toml ./
# Install scripts of packages are not needed and are not run. The compiler and the type declarations, which
# come as somebody's peers, are 40 MB that nothing reads at run time.
RUN bun install --frozen-lockfile --production --ignore-scripts \
  && rm -rf node_modules/typescript node_modules/@typescript node_modules/bun-types

FROM oven/bun:${BUN_VERSION}-slim
WORKDIR /app
ENV NODE_ENV=production
# Everything belongs to root: the service reads its own code and cannot change it.
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json bun.lock bunfig.toml tsconfig.json ./
COPY workers ./workers
COPY src ./src
USER bun
# The public listener, and the internal one. The latter answers on loopback alone until INTERNAL_HOST opens
# it, which asks for ADMIN_TOKEN.
EXPOSE 8080 9090
# The first signal drains, the second ends at once. A drain may wait for calls to end: give `docker stop` the
# time.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
  CMD ["bun", "-e", "const answer = await fetch('http://127.0.0.1:' + (process.env.PORT || 8080) + '/healthz'); process.exit(answer.ok ? 0 : 1)"]
CMD ["bun", "src/main.ts"]
