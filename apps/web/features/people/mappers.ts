import type { Tone } from '../../ui/tone.ts'
import { WireReader } from '../../lib/wire.ts'
import {
  userRoles,
  type LastEvent,
  type PeoplePage,
  type Profile,
  type Session,
  type UserRole,
} from './model.ts'

export function toProfile(body: unknown): Profile {
  return readProfile(new WireReader(body, 'person'))
}

export function toPeoplePage(body: unknown): PeoplePage {
  const wire = new WireReader(body, 'people')
  return { items: wire.list('items', readProfile), nextCursor: wire.textOrNull('nextCursor') }
}

export function toSessions(body: unknown): readonly Session[] {
  return new WireReader(body, 'sessions').list('items', (wire) => ({
    id: wire.text('id'),
    createdAtMs: wire.time('createdAt'),
    usedAtMs: wire.time('usedAt'),
    expiresAtMs: wire.time('expiresAt'),
    endedAtMs: wire.timeOrNull('endedAt'),
    endedBecause: wire.textOrNull('endedBecause'),
  }))
}

/** The newest of a page of the event log; null where it has none. */
export function toLastEvent(body: unknown): LastEvent | null {
  const [newest] = new WireReader(body, 'events').list('items', (wire) => ({
    eventType: wire.text('eventType'),
    atMs: wire.time('at'),
    journeyId: wire.textOrNull('correlationId') ?? wire.text('eventId'),
  }))
  return newest ?? null
}

export const roleWords = {
  customer: 'customer',
  staff: 'staff',
  admin: 'admin',
} as const satisfies Record<UserRole, string>

export const roleMeanings = {
  customer: 'orders and discusses',
  staff: 'keeps catalogue and stock, sees everybody’s orders and profiles',
  admin: 'also manages people and their roles',
} as const satisfies Record<UserRole, string>

export const roleTones = {
  customer: 'quiet',
  staff: 'good',
  admin: 'attention',
} as const satisfies Record<UserRole, Tone>

const endWords: Readonly<Record<string, string>> = {
  'signed-out': 'signed out',
  'token-reused': 'ended: a used token came again, so somebody may have stolen it',
  'password-changed': 'ended: the password was changed',
  removed: 'ended: the account was removed',
  'ended-by-admin': 'ended by an admin',
  'ended-everywhere': 'ended everywhere by its owner',
}

/** How a session stands, in words; those of codes to come are told as they are. */
export function sessionState(
  session: Session,
  nowMs: number,
): { readonly tone: Tone; readonly words: string } {
  const { endedAtMs, endedBecause, expiresAtMs } = session
  if (endedAtMs !== null) {
    const words = endWords[endedBecause ?? ''] ?? `ended: ${endedBecause ?? 'for no known reason'}`
    return { tone: endedBecause === 'token-reused' ? 'attention' : 'quiet', words }
  }
  return nowMs < expiresAtMs
    ? { tone: 'good', words: 'open' }
    : { tone: 'quiet', words: 'ran out unused' }
}

/** The role in the address, if it is one. */
export function roleOf(text: string | undefined): UserRole | null {
  return userRoles.find((role) => role === text) ?? null
}

function readProfile(wire: WireReader): Profile {
  return {
    id: wire.text('id'),
    name: wire.text('name'),
    email: wire.textOrNull('email'),
    // A role that this page does not know gives no rights here.
    roles: userRoles.filter((role) => wire.texts('roles').includes(role)),
    country: wire.textOrNull('country'),
    createdAtMs: wire.time('createdAt'),
  }
}
