#!/bin/sh
# The shop's whole business: what does a basket cost?

# total ITEMS CENTS: the price of so many items in cents, with a discount of a tenth from ten items on.
total() {
  sum=$(($1 * $2))
  if [ "$1" -ge 10 ]; then
    sum=$((sum - sum / 10))
  fi
  echo "$sum"
}

# euros CENTS: as people write it.
euros() {
  printf '%d.%02d' $(($1 / 100)) $(($1 % 100))
}
