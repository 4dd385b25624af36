import { WireReader } from '../../lib/wire.ts'
import type { Person } from './model.ts'

export function toPerson(body: unknown): Person {
  return readPerson(new WireReader(body, 'me'))
}

export function toPeople(body: unknown): readonly Person[] {
  return new WireReader(body, 'demoUsers').list('users', readPerson)
}

/** How long the access token of a sign-in is good, s. */
export function toSessionSeconds(body: unknown): number {
  return new WireReader(body, 'session').number('expiresInSeconds')
}

function readPerson(wire: WireReader): Person {
  const id = wire.textOrNull('userId') ?? wire.text('id')
  return {
    id,
    name: wire.textOrNull('name') ?? id,
    role: wire.textOrNull('role'),
    roles: wire.texts('roles'),
    isDemo: wire.flag('isDemo'),
  }
}
