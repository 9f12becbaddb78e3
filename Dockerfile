# syntax=docker/dockerfile:1
ARG NODE_IMAGE=node:24-bookworm-slim

# Everything that compiles; none of it reaches the image that runs.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY bin bin
COPY src src
COPY tsconfig.json oclif.manifest.json ./
RUN npm run build

# What the program needs to run, with prebuilt binaries only. ffmpeg comes from Debian, which patches it.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

FROM ${NODE_IMAGE}
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ffmpeg \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production \
  LEOMA_ENV=production \
  LEOMA_DATA=/data \
  BT_WALLET_PATH=/wallets \
  FFMPEG_PATH=/usr/bin/ffmpeg \
  API_HOST=0.0.0.0
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json oclif.manifest.json LICENSE ./
COPY bin/run.js bin/guard.cjs bin/package.json bin/
# A named volume takes over the owner of the folder it is mounted on.
RUN mkdir /data /wallets && chown node:node /data
USER node
VOLUME /data

# After everything that takes long: they change with every commit.
ARG VERSION=0.0.0
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="leoma" \
  org.opencontainers.image.description="Runs an AI-media subnet on Bittensor" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${COMMIT}"

STOPSIGNAL SIGTERM
# For `servers api`. The other services listen on no port; turn it off for them, as docker-compose.yml does.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.API_PORT || 8000}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/run.js"]
CMD ["serve"]
