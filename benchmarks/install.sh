#!/bin/sh
# From `git clone` to the first brief, set-up included, and what each part of the core install weighs.
#   sh benchmarks/install.sh [REPOSITORY]
set -eu
repository=${1:-$(git rev-parse --show-toplevel)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export KERUEN_HOME="$folder/home"
begun=$(date +%s)
git clone --quiet "$repository" "$folder/keruen"
cd "$folder/keruen"
make brief >/dev/null 2>&1
echo "| from clone to brief | $(($(date +%s) - begun)) s |"
echo "| environment | $(du -sm .venv | cut -f1) MB |"
echo "| snapshot | $(du -sm src/keruen/data/snapshot | cut -f1) MB |"
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
du -sm "$site"/* | sort -rn | head -14 | while read -r size path; do echo "| $(basename "$path") | $size MB |"; done
