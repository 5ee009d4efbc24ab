#!/bin/sh
# Fetches the vendored files anew, in the versions named here, and rewrites the lock.
# Run it from the root of the repository after changing a version; needs npm, tar, go.
set -eu

HTMX=4.0.1
BASECOAT=1.0.2
GEIST=5.3.0
UPLOT=1.6.32
AXE=4.14.1
LUCIDE=1.62.0

root=$(pwd)
vendor=$root/static/vendor
tests=$root/browsertest/vendor
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# get PACKAGE VERSION DIRECTORY: unpacks the package, runs none of its scripts.
get() {
	cd "$tmp"
	tarball=$(npm pack --ignore-scripts --silent "$1@$2")
	mkdir -p "$tmp/$3"
	tar xzf "$tarball" -C "$tmp/$3" --strip-components=1
	cd "$root"
}

get htmx.org "$HTMX" htmx
get basecoat-css "$BASECOAT" basecoat
get @fontsource-variable/geist "$GEIST" geist
get uplot "$UPLOT" uplot
get axe-core "$AXE" axe-core
get lucide-static "$LUCIDE" lucide

mkdir -p "$vendor/htmx" "$vendor/basecoat" "$vendor/geist" "$vendor/uplot" "$vendor/lucide" "$tests/axe-core"
cp "$tmp/htmx/dist/htmx.min.js" "$tmp/htmx/LICENSE" "$vendor/htmx/"
cp "$tmp/basecoat/dist/basecoat-nova.cdn.min.css" "$vendor/basecoat/basecoat-nova.css"
cp "$tmp/basecoat/LICENSE.md" "$vendor/basecoat/"
cp "$tmp"/geist/files/geist-*-wght-normal.woff2 "$tmp/geist/LICENSE" "$vendor/geist/"
cp "$tmp/uplot/dist/uPlot.esm.js" "$tmp/uplot/dist/uPlot.min.css" "$tmp/uplot/LICENSE" "$vendor/uplot/"
cp "$tmp/lucide/LICENSE" "$vendor/lucide/"
cp "$tmp/axe-core/axe.min.js" "$tmp/axe-core/LICENSE" "$tests/axe-core/"

go run ./views/ui/icons_make.go "$tmp/lucide/icons"
go run ./static/vendor/lock.go \
	"htmx.org $HTMX static/vendor/htmx" \
	"basecoat-css $BASECOAT static/vendor/basecoat" \
	"@fontsource-variable/geist $GEIST static/vendor/geist" \
	"uplot $UPLOT static/vendor/uplot" \
	"lucide-static $LUCIDE static/vendor/lucide" \
	"axe-core $AXE browsertest/vendor/axe-core"
