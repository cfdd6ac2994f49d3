#!/bin/sh
# shop ITEMS CENTS: prints what that costs.
set -eu
. "$(dirname "$0")/price.sh"
echo "$1 items cost $(euros "$(total "$1" "$2")")"
