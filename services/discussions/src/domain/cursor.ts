import { discussionTimes } from '@millrace/contracts'

/** A place in the list of threads, newest first: the last thread that was shown. */
export interface Cursor {
  readonly createdAtMs: number
  readonly id: string
}

/** Opaque to clients: they hand back what they got. */
export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(`${cursor.createdAtMs}:${cursor.id}`).toString('base64url')
}

/** Undefined for what `encodeCursor` cannot have made. */
export function decodeCursor(text: string): Cursor | undefined {
  const match = /^(-?\d{1,16}):(.{1,100})$/su.exec(Buffer.from(text, 'base64url').toString('utf8'))
  if (!match?.[1] || !match[2]) return undefined
  const cursor = { createdAtMs: Number(match[1]), id: match[2] }
  const { createdAtMs, id } = cursor
  // Times outside are none that Postgres could be asked for.
  const isPossible = createdAtMs >= discussionTimes.fromMs && createdAtMs < discussionTimes.endMs
  return isPossible && !id.includes('\0') && encodeCursor(cursor) === text ? cursor : undefined
}
