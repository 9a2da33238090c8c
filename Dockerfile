# The gateway in a container: docs/app-servers.md says how to run it.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build

FROM node:22-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --omit=peer --ignore-scripts --no-audit --no-fund

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
RUN ln -s /app/dist/cli/main.js /usr/local/bin/mailpush
# node, by its number, as Kubernetes wants to know that it is not root. What is mounted has to be readable by it.
USER 1000
EXPOSE 8480
# Also fails while the mail server takes nothing. With TLS by files it asks the wrong port in the wrong way: replace it then.
HEALTHCHECK --interval=30s --timeout=15s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8480/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["mailpush"]
CMD ["gateway", "--config", "/etc/mailpush/gateway.toml"]
