import { WireReader } from '../../lib/wire.ts'
import type { Person } from './model.ts'

export function toPerson(body: unknown): Person {
  return readPerson(new WireReader(body, 'me'))
}

export function toPeople(body: unknown): readonly Person[] {
  return new WireReader(body, 'demoUsers').list('users', readPerson)
}

function readPerson(wire: WireReader): Person {
  const id = wire.textOrNull('userId') ?? wire.text('id')
  return {
    id,
    name: wire.textOrNull('name') ?? id,
    role: wire.textOrNull('role'),
  }
}
