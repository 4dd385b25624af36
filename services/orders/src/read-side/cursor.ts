/** A place in the list of orders, newest first: the last order that was shown. */
export interface Cursor {
  readonly createdAtMs: number
  readonly orderId: string
}

/** Opaque to clients: they hand back what they got. */
export function encodeCursor({ createdAtMs, orderId }: Cursor): string {
  return Buffer.from(`${createdAtMs}:${orderId}`).toString('base64url')
}

const maxOrderId = 2n ** 63n - 1n
/** Year 0 to 9999: times that Postgres can be asked for. */
const timeBounds = { fromMs: Date.UTC(0, 0), endMs: Date.UTC(10_000, 0) }

/** Undefined for what `encodeCursor` cannot have made. */
export function decodeCursor(text: string): Cursor | undefined {
  const match = /^(-?\d{1,16}):(\d{1,19})$/.exec(Buffer.from(text, 'base64url').toString('utf8'))
  if (!match?.[1] || !match[2]) return undefined
  const cursor = { createdAtMs: Number(match[1]), orderId: match[2] }
  const isPossible =
    cursor.createdAtMs >= timeBounds.fromMs &&
    cursor.createdAtMs < timeBounds.endMs &&
    BigInt(cursor.orderId) <= maxOrderId
  return isPossible && encodeCursor(cursor) === text ? cursor : undefined
}
