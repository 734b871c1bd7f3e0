# The service in a container: data in the volume /data, one port, no root.
#   docker build -t delenda .
#   docker run -p 8080:8080 -v delenda:/data delenda
# Administration runs in the same container: docker exec CONTAINER delenda org list --data /data
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --profile dist --locked --bin delenda

FROM debian:bookworm-slim
# Certificates are for the client in the same binary; the server itself asks nobody.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --uid 990 --no-create-home --home-dir /data \
        --shell /usr/sbin/nologin delenda \
    && install -d -o delenda -g delenda -m 0700 /data
COPY --from=build /source/target/dist/delenda /usr/bin/delenda
# By number, so that a scheduler can see that it is not root.
USER 990:990
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s CMD ["/bin/bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '200 OK' <&3"]
ENTRYPOINT ["/usr/bin/delenda"]
CMD ["serve", "--data", "/data", "--listen", "0.0.0.0:8080"]
