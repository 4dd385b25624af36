import { scriptedUserPattern } from '@millrace/contracts'
import type { Clock } from '@millrace/core'
import type { CausationContext } from '@millrace/events'
import type { Outbox } from '@millrace/outbox'
import { addPeople } from './people.ts'
import type { NewPerson } from './sql/insert-people.ts'
import type { PersonRow } from './sql/person-row.ts'
import { readPeople } from './sql/read-people.ts'

export interface ScriptedPeopleOptions {
  readonly outbox: Outbox
  /** True in development alone. */
  readonly hasScriptedPeople: boolean
  readonly clock: Clock
}

/**
 * In development people of scripts are there when they are first asked for, so that a load test may name as many as it likes.
 * @param missing ids that nobody has
 * @returns those of them who are there now, in any order
 */
export async function addScriptedPeople(
  { outbox, hasScriptedPeople, clock }: ScriptedPeopleOptions,
  missing: readonly string[],
  context: CausationContext,
): Promise<readonly PersonRow[]> {
  const ids = hasScriptedPeople ? missing.filter((id) => scriptedUserPattern.test(id)) : []
  if (ids.length === 0) return []
  return outbox.transaction(async (tx) => {
    const made = await addPeople(tx, ids.map(personOf), new Date(clock.now()), context)
    // Somebody else asked for the others at the same time.
    return made.length === ids.length ? made : readPeople(tx, ids)
  })
}

function personOf(id: string): NewPerson {
  return {
    id,
    name: id,
    email: null,
    emailKey: null,
    roles: ['customer'],
    country: null,
    passwordHash: null,
    source: 'demo',
  }
}
