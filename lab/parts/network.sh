# shellcheck shell=bash
# The lab's kernel settings: bridges, address translation, foreign binaries.
# The engines do not change iptables (parts/engines.sh), so these are all rules.

IPTABLES_CHAIN=IMAGESPEC-LAB

# bridge NAME ADDRESS/BITS: creates the bridge with the address, and starts it.
bridge() {
  local address=${2%/*}
  ip link show dev "$1" >/dev/null 2>&1 || ip link add "$1" type bridge
  # A bridge without its own hardware address uses the lowest one of its ports, which changes when a step begins or ends. Other
  # steps would send to the old address for up to 45 s.
  if [[ $(<"/sys/class/net/$1/addr_assign_type") != 3 ]]; then
    # shellcheck disable=SC2086  # The four numbers of the address.
    ip link set "$1" address "$(printf '02:42:%02x:%02x:%02x:%02x' ${address//./ })"
  fi
  ip -o -4 addr show dev "$1" | grep -qF " $2 " || ip addr add "$2" dev "$1"
  ip link set "$1" up
  # Engines immediately assign a step's IP address to the next step, with another hardware address. By default, the kernel would use
  # the old one for up to 45 s, because it ignores updates within a second of the last one, and the step would have no network.
  local neighbours=/proc/sys/net/ipv4/neigh/$1
  if [[ -w $neighbours/locktime ]]; then
    echo 0 >"$neighbours/locktime"
    echo 1000 >"$neighbours/base_reachable_time_ms"
  fi
}

# rule TABLE CHAIN RULE…: inserts a rule at the beginning, once.
rule() {
  local table=$1 chain=$2
  shift 2
  iptables -w -t "$table" -C "$chain" "$@" 2>/dev/null || iptables -w -t "$table" -I "$chain" "$@"
}

network_up() {
  local table
  bridge "$LAB_BRIDGE" "$LAB_ADDRESS/24"
  # Written only if necessary, because in a CI container it may be set and read-only.
  [[ $(</proc/sys/net/ipv4/ip_forward) == 1 ]] || echo 1 >/proc/sys/net/ipv4/ip_forward
  for table in nat filter; do
    iptables -w -t "$table" -n -L "$IPTABLES_CHAIN" >/dev/null 2>&1 || iptables -w -t "$table" -N "$IPTABLES_CHAIN"
  done
  rule nat POSTROUTING -j "$IPTABLES_CHAIN"
  rule nat "$IPTABLES_CHAIN" -s "$LAB_NETWORK" ! -d "$LAB_NETWORK" -j MASQUERADE
  rule filter FORWARD -j "$IPTABLES_CHAIN"
  rule filter "$IPTABLES_CHAIN" -s "$LAB_NETWORK" -j ACCEPT
  rule filter "$IPTABLES_CHAIN" -d "$LAB_NETWORK" -j ACCEPT
  binfmt_up
}

# Foreign binaries: without the mount, update-binfmts silently registers nothing.
binfmt_up() {
  local registry=/proc/sys/fs/binfmt_misc
  if [[ ! -e $registry/status ]]; then
    mount -t binfmt_misc binfmt_misc "$registry"
    touch "$RUN_DIR/binfmt.mounted"
  fi
  if [[ ! -e $registry/qemu-aarch64 ]]; then
    update-binfmts --enable qemu-aarch64
    touch "$RUN_DIR/binfmt.enabled"
  fi
  grep -q '^flags:.*F' "$registry/qemu-aarch64" ||
    die "qemu-aarch64 is registered without the F flag: containers do not see the interpreter"
}

network_down() {
  local device table from
  # The bridges of engines and of networks in tests: every device with an address of the lab.
  for device in $(ip -o -4 addr show | awk '$4 ~ /^10\.66\./ { print $2 }' | sort -u); do
    ip link delete "$device" || true
  done
  for table in nat:POSTROUTING filter:FORWARD; do
    from=${table#*:} table=${table%:*}
    while iptables -w -t "$table" -D "$from" -j "$IPTABLES_CHAIN" 2>/dev/null; do :; done
    iptables -w -t "$table" -F "$IPTABLES_CHAIN" 2>/dev/null || true
    iptables -w -t "$table" -X "$IPTABLES_CHAIN" 2>/dev/null || true
  done
  if [[ -e $RUN_DIR/binfmt.enabled ]]; then update-binfmts --disable qemu-aarch64 || true; fi
  if [[ -e $RUN_DIR/binfmt.mounted ]]; then umount /proc/sys/fs/binfmt_misc || true; fi
  rm -f "$RUN_DIR"/binfmt.*
}
