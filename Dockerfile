# The browser client, the server with it, and a small image that runs it. The model is fetched while building.
FROM node:22-bookworm-slim AS web
WORKDIR /jeton
COPY web/package.json web/package-lock.json web/
RUN npm --prefix web ci
COPY schema.graphql ./
COPY web web
RUN npm --prefix web run build

FROM rust:1-bookworm AS server
WORKDIR /jeton
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip && rm -rf /var/lib/apt/lists/*
COPY scripts/fetch_model.py scripts/
RUN python3 scripts/fetch_model.py
COPY . .
COPY --from=web /jeton/web/dist web/dist
# For any processor of the kind. For the one that it runs on: --build-arg RUSTFLAGS="-C target-cpu=native".
ARG RUSTFLAGS=""
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/jeton --create-home jeton
COPY --from=server /jeton/target/release/jeton /usr/local/bin/jeton
COPY --from=server /jeton/models /var/lib/jeton/models
USER jeton
WORKDIR /var/lib/jeton
RUN mkdir data
VOLUME /var/lib/jeton/data
ENV JETON_HTTP__LISTEN=0.0.0.0:8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["jeton", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["jeton"]
CMD ["serve"]
