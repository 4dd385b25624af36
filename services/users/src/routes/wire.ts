import type { Static } from 'typebox'
import type { PersonRow } from '../sql/person-row.ts'
import type { PersonSchema } from './schemas.ts'

export function personToWire(row: PersonRow): Static<typeof PersonSchema> {
  const { id, name, email, roles, country, createdAt } = row
  return { id, name, email, roles: [...roles], country, createdAt: createdAt.toISOString() }
}

/** A place in the list of people, newest first: the last one that was shown. Opaque to clients. */
export function encodeCursor(row: Pick<PersonRow, 'createdAt' | 'id'>): string {
  return Buffer.from(`${row.createdAt.getTime()}:${row.id}`).toString('base64url')
}

/** Undefined for what `encodeCursor` cannot have made. */
export function decodeCursor(
  text: string,
): { readonly createdAt: Date; readonly id: string } | undefined {
  const match = /^(\d{1,13}):(.{1,100})$/su.exec(Buffer.from(text, 'base64url').toString('utf8'))
  if (!match?.[1] || !match[2] || match[2].includes('\0')) return undefined
  const cursor = { createdAt: new Date(Number(match[1])), id: match[2] }
  return encodeCursor(cursor) === text ? cursor : undefined
}
