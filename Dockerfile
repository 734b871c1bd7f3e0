# The service in a container: data in the volume /data, one port, no root.
#   docker build -t delenda .
#   docker run -p 8080:8080 -v delenda:/data delenda
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --bin delenda

FROM debian:bookworm-slim
RUN useradd --system --user-group --home-dir /data --shell /usr/sbin/nologin delenda \
    && install -d -o delenda -g delenda -m 0700 /data
COPY --from=build /source/target/release/delenda /usr/bin/delenda
USER delenda
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s CMD ["/bin/bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '200 OK' <&3"]
ENTRYPOINT ["/usr/bin/delenda"]
CMD ["serve", "--data", "/data", "--listen", "0.0.0.0:8080"]
