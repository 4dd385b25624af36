import { userCreated, userDeleted, userUpdated, type userEvents } from '@millrace/contracts'
import { createEvent, type CausationContext, type NewEvent } from '@millrace/events'
import type { OutboxTransaction } from '@millrace/outbox'
import { usersProblem } from './errors.ts'
import { insertPeople, type NewPerson } from './sql/insert-people.ts'
import type { PersonRow } from './sql/person-row.ts'
import { lockPerson } from './sql/read-people.ts'
import { endSessionsOf } from './sql/sessions.ts'
import { erasePerson, updatePerson } from './sql/update-person.ts'

/*
 * What can happen to people. Each act changes its row and leaves the event of it with the commit; it holds the row's lock by then, so versions
 * ascend as the transactions commit. Events carry the profile, never anything one could sign in with.
 */

/** Name under which events go out. */
export const serviceName = 'users'

/**
 * Adds those whose id and e-mail address are free and leaves all others as they are, removed ones too: an import may be run again.
 * @returns who was added
 */
export async function addPeople(
  tx: OutboxTransaction,
  people: readonly NewPerson[],
  createdAt: Date,
  context: CausationContext,
): Promise<readonly PersonRow[]> {
  const byId = new Map<string, NewPerson>()
  for (const person of people) if (!byId.has(person.id)) byId.set(person.id, person)
  const inserted = await insertPeople(tx, [...byId.values()], createdAt)
  for (const row of inserted) tell(tx, userCreated, row.id, row.version, profileOf(row), context)
  return inserted
}

export interface Written {
  /** Null when there was nothing to change. */
  readonly eventId: string | null
  readonly person: PersonRow
}

/** @throws ProblemError 404 */
export async function changePerson(
  tx: OutboxTransaction,
  id: string,
  change: Partial<Pick<PersonRow, 'name' | 'country' | 'roles'>>,
  context: CausationContext,
): Promise<Written> {
  const current = await lockPerson(tx, id)
  if (!current || current.isRemoved) throw usersProblem('MR_USERS_NOT_FOUND')
  const { name = current.name, country = current.country, roles = current.roles } = change
  const isSame =
    name === current.name && country === current.country && sameRoles(roles, current.roles)
  if (isSame) return { eventId: null, person: current }
  const person = await updatePerson(tx, { id, name, country, roles })
  const eventId = tell(tx, userUpdated, id, person.version, profileOf(person), context)
  return { eventId, person }
}

/** Ends the account and all its sessions. @returns the event's id. @throws ProblemError 404 */
export async function removePerson(
  tx: OutboxTransaction,
  id: string,
  at: Date,
  context: CausationContext,
): Promise<string> {
  const current = await lockPerson(tx, id)
  if (!current || current.isRemoved) throw usersProblem('MR_USERS_NOT_FOUND')
  const version = await erasePerson(tx, id, at)
  await endSessionsOf(tx, id, 'removed', at)
  return tell(tx, userDeleted, id, version, { userId: id }, context)
}

function tell<Contract extends (typeof userEvents)[number]>(
  tx: OutboxTransaction,
  contract: Contract,
  userId: string,
  version: bigint,
  data: NewEvent<Contract>['data'],
  context: CausationContext,
): string {
  const event = createEvent({
    contract,
    source: serviceName,
    aggregateId: userId,
    aggregateVersion: Number(version),
    data,
    context,
  })
  tx.publish(event, {
    topic: contract.topic,
    key: userId,
    ...(context.traceparent !== undefined && { traceparent: context.traceparent }),
  })
  return event.eventId
}

function profileOf({
  id,
  name,
  email,
  roles,
  country,
}: PersonRow): NewEvent<typeof userCreated>['data'] {
  return { userId: id, name, email, roles: [...roles], country }
}

function sameRoles(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((role) => other.includes(role))
}
