import { isUuid } from '@millrace/core'

/** Where a search over several logs stands: after `lastEventId`, and for each log the page it was reading. */
export interface SearchCursor {
  /** Ids from here on were given out already. */
  readonly lastEventId: string
  /** By log: its own cursor, null for its beginning. A log that has been read to its end is left out. */
  readonly logs: Readonly<Record<string, string | null>>
}

const maxLength = 16_384

export function encodeCursor(cursor: SearchCursor): string {
  return Buffer.from(JSON.stringify([cursor.lastEventId, cursor.logs])).toString('base64url')
}

/** Undefined for a text that `encodeCursor` did not make. */
export function decodeCursor(text: string): SearchCursor | undefined {
  if (text.length > maxLength || !/^[\w-]+$/.test(text)) return undefined
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (!Array.isArray(parsed) || parsed.length !== 2) return undefined
    const [lastEventId, logs] = parsed as [unknown, unknown]
    if (typeof lastEventId !== 'string' || !isUuid(lastEventId)) return undefined
    if (typeof logs !== 'object' || logs === null || Array.isArray(logs)) return undefined
    const entries = Object.entries(logs as Record<string, unknown>)
    const isWhole = entries.every(([, at]) => at === null || typeof at === 'string')
    return isWhole
      ? { lastEventId, logs: Object.fromEntries(entries) as Record<string, string | null> }
      : undefined
  } catch {
    return undefined
  }
}
