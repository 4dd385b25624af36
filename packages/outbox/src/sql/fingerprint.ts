import { createHash } from 'node:crypto'

/** What makes two refusals the same kind. */
export interface RefusalKind {
  readonly topic: string
  readonly eventType: string
  /** Null where nothing was refused. */
  readonly errorClass: string | null
}

/** 16 hexadecimal digits that are the same for refusals of one kind; null where there is none. */
export function fingerprintOf({ topic, eventType, errorClass }: RefusalKind): string | null {
  if (errorClass === null) return null
  return createHash('sha256')
    .update(`${topic}\0${eventType}\0${errorClass}`)
    .digest('hex')
    .slice(0, 16)
}

/** The same in SQL, of a row `d` of the data and its issue `i`; null where nothing was refused. */
export const fingerprintText = `left(encode(sha256(
    convert_to(d.topic, 'UTF8') || '\\x00'::bytea || convert_to(d.event_type, 'UTF8') || '\\x00'::bytea
      || convert_to(i.error_code, 'UTF8')), 'hex'), 16)`
