/**
 * Whether an order is among a share of all orders: the same ones each time, and about as many of any hundred in a row.
 * @param rate the share, 0 to 1
 */
export function isInShare(orderId: string, rate: number): boolean {
  let hash = 0x811c9dc5
  for (const character of orderId) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return spread(hash) / 2 ** 32 < rate
}

/** MurmurHash3's last step (fmix32): FNV-1a leaves the high bits of ids that differ in their last digit alone, so that of orders 1 to 20 all but one were chosen at 0.5. */
function spread(hash: number): number {
  let bits = hash
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
