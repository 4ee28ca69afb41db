#!/usr/bin/env bash
# Generates libs/protos/src from the contracts. With --check, compares instead of writing.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
target=libs/protos/src
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mapfile -t files < <(cd protos && find huaxiang -name '*.proto' | LC_ALL=C sort)
mapfile -t services < <(printf '%s\n' "${files[@]}" | grep '_service\.proto$' || true)
export PATH="$(cd "$(dirname "$(command -v "$python")")" && pwd):$PATH"
protoc() { "$python" -m grpc_tools.protoc --proto_path=protos "$@"; }
protoc --python_out="$out" --mypy_out="quiet:$out" "${files[@]}"
if ((${#services[@]})); then
  protoc --grpc_python_out="$out" --mypy_grpc_out="quiet:$out" "${services[@]}"
fi
find "$out/huaxiang" -type d -exec touch {}/py.typed \;
find "$out/huaxiang" -name py.typed ! -path "$out/huaxiang/py.typed" -delete
if [[ ${1:-} == --check ]]; then
  diff --recursive --brief --exclude=__pycache__ "$out/huaxiang" "$target/huaxiang" ||
    { echo "libs/protos is not what the contracts generate: run make proto" >&2; exit 1; }
else
  rm -rf "$target/huaxiang" && mkdir -p "$target" && cp -r "$out/huaxiang" "$target/"
fi
