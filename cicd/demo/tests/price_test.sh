#!/bin/sh
# The unit tests of src/price.sh.
set -u
. ./src/price.sh
passed=0
failed=0

check() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED $1: expected $3, got $2"
  fi
}

check "nothing costs nothing" "$(total 0 500)" 0
check "one item" "$(total 1 499)" 499
check "nine items have no discount" "$(total 9 100)" 900
check "ten items have a discount" "$(total 10 100)" 900
check "cents have two digits" "$(euros 1005)" 10.05

# No basket may cost more than its items: every basket up to 2,500 items.
items=1
while [ "$items" -le 2500 ]; do
  price=$(total "$items" 7)
  if [ "$price" -gt $((items * 7)) ]; then
    check "a basket of $items" "$price" "at most $((items * 7))"
  else
    passed=$((passed + 1))
  fi
  items=$((items + 1))
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
