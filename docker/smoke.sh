#!/usr/bin/env bash
# Builds the image of the proxy without a registry and runs it as compose.yaml does: another user, read-only, without a network.
# Needs root and Debian's buildah, podman, runc and mmdebstrap. The base is Debian itself with its Python; packages come from where this
# machine's pip has them (/etc/pip.conf and the certificates are lent to the build, and are not in the image).
#   SMOKE_FOLDER  where the base is kept between runs (/var/tmp/litellm-cascade-smoke)
#   SUITE         Debian release of the base (bookworm)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${SMOKE_FOLDER:-/var/tmp/litellm-cascade-smoke}
suite=${SUITE:-bookworm}
base=localhost/litellm-cascade-base:$suite
image=localhost/litellm-cascade:smoke
name=litellm-cascade-smoke-$$

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'docker/smoke.sh: %s\n' "$*" >&2; exit 1; }
for tool in buildah podman runc mmdebstrap; do
    command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install --no-install-recommends buildah podman runc mmdebstrap"
done
[ "$(id -u)" = 0 ] || fail "this needs root: mmdebstrap and a build in a chroot do"

# Low limits: where this runs may allow no higher ones. runc, because crun refuses hybrid control groups.
container=(podman --runtime "$(command -v runc)")
limits=(--ulimit nofile=4096:4096 --ulimit nproc=1024:1024)

say "base: Debian $suite"
mkdir -p "$folder"
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    [ -s "$folder/$suite.tar" ] || mmdebstrap --quiet --variant=apt --include=python3-venv,ca-certificates "$suite" "$folder/$suite.tar"
    scratch=$(buildah from scratch)
    buildah add --quiet "$scratch" "$folder/$suite.tar" / >/dev/null
    buildah commit --quiet --rm "$scratch" "$base" >/dev/null
fi

say "image"
lent=()
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "$file" ] || lent+=(--volume "$(realpath "$file"):$file:ro")
done
[ -z "${PIP_INDEX_URL:-}" ] || lent+=(--build-arg PIP_INDEX_URL="$PIP_INDEX_URL")
buildah build --quiet --format docker --isolation chroot --target proxy --file docker/Dockerfile --ignorefile docker/Dockerfile.dockerignore \
    --build-arg PYTHON_IMAGE="$base" "${lent[@]}" --tag "$image" .
podman image inspect --format '{{.Size}} bytes, user {{.User}}' "$image"
podman image inspect --format '{{json .HealthCheck}}' "$image" | grep -q healthcheck.py || fail "the image has no health check"

say "run"
trap '"${container[@]}" rm --force --time 1 "$name" >/dev/null 2>&1 || true' EXIT
key=sk-$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
"${container[@]}" run --detach --name "$name" "${limits[@]}" --network none --read-only --tmpfs /tmp:mode=1777 --cap-drop all --no-healthcheck \
    --security-opt no-new-privileges --env LITELLM_MASTER_KEY="$key" --env OTEL_SDK_DISABLED=true "$image" >/dev/null
inside() { "${container[@]}" exec "$name" "$@"; }
for _ in $(seq 90); do
    inside python /opt/cascade/healthcheck.py 2>/dev/null && break
    [ "$("${container[@]}" inspect --format '{{.State.Running}}' "$name")" = true ] || { podman logs "$name" 2>&1 | tail -40; fail "the proxy has ended"; }
    sleep 1
done
inside python /opt/cascade/healthcheck.py || { podman logs "$name" 2>&1 | tail -40; fail "the proxy does not answer"; }

say "checks"
[ "$(inside id -u)" = 10001 ] || fail "it runs as another user"
! inside touch /opt/cascade/written 2>/dev/null || fail "its own files can be written to"
for tool in gcc cc make pip; do
    ! inside sh -c "command -v $tool" >/dev/null || fail "$tool is in the image"
done
inside cascade check /etc/cascade/policies/balanced.yaml
inside python -m litellm_cascade.offline.demo_traffic --each 1 --rounds 1
time "${container[@]}" stop --time 45 "$name" >/dev/null
code=$("${container[@]}" inspect --format '{{.State.ExitCode}}' "$name")
[ "$code" = 0 ] || fail "it ended with code $code when it was told to stop"
say "passed"
