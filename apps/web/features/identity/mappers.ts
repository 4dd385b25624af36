import { readList, WireReader } from '../../lib/wire.ts'
import type { Person } from './model.ts'

export function toPerson(body: unknown): Person {
  return readPerson(new WireReader(body, 'me'))
}

export function toPeople(body: unknown): readonly Person[] {
  const list = Array.isArray(body)
    ? body
    : ((body as { items?: unknown; users?: unknown } | null)?.items ??
      (body as { users?: unknown } | null)?.users)
  return readList(list, readPerson, 'demoUsers')
}

function readPerson(wire: WireReader): Person {
  const id = wire.textOrNull('userId') ?? wire.text('id')
  return { id, name: wire.textOrNull('name') ?? wire.textOrNull('displayName') ?? id }
}
