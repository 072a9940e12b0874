# A static binary in an image with nothing else: no shell, no package manager, no root.
#   docker build -t ringfence .
#   docker run --network host -v ./ringfence.yaml:/etc/ringfence/ringfence.yaml:ro ringfence
# Host networking is the plain choice for SIP: behind Docker's NAT a proxy advertises addresses that nobody reaches.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/ringfence ./cmd/ringfence

FROM scratch
# For rediss://: whom to believe.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/ringfence /usr/local/bin/ringfence
USER 65532:65532
EXPOSE 5060/udp 5060/tcp 9090/tcp
ENTRYPOINT ["/usr/local/bin/ringfence", "--config", "/etc/ringfence/ringfence.yaml"]
CMD ["serve"]
