import { randomUUID } from 'node:crypto'
import { uuidv7 } from '@millrace/core'
import { demoPeople } from '@millrace/contracts'
import type { Outbox } from '@millrace/outbox'
import { emailKeyOf } from './domain/email.ts'
import type { PasswordHashes } from './password-hash.ts'
import { addPeople } from './people.ts'
import { isFirstAdminReplaced } from './sql/first-admin.ts'

/** The people of the sample data, under their ids, without password. Those who are there stay as they are. */
export async function addDemoPeople(outbox: Outbox, at: Date): Promise<void> {
  const people = demoPeople.map(({ userId, name, roles }) => ({
    id: userId,
    name,
    email: null,
    emailKey: null,
    roles,
    country: null,
    passwordHash: null,
    source: 'demo' as const,
  }))
  await outbox.transaction((tx) => addPeople(tx, people, at, firstCause()))
}

/**
 * Who manages people before anybody else does: without them nobody could ever be made staff. An account that the address has is left alone. The id is
 * `admin`, or a new one where an earlier start has given that to another address. Nobody is added once such an admin was removed and another admin is
 * there: the settings often stay in the environment, and whoever was removed for what they did must not come back by a restart.
 */
export async function addFirstAdmin(
  outbox: Outbox,
  hashes: PasswordHashes,
  admin: { readonly email: string; readonly password: string },
  at: Date,
): Promise<void> {
  const person = {
    id: 'admin',
    name: 'Admin',
    email: admin.email,
    emailKey: emailKeyOf(admin.email),
    roles: ['customer', 'staff', 'admin'] as const,
    country: null,
    passwordHash: await hashes.hash(admin.password),
    source: 'configured' as const,
  }
  await outbox.transaction(async (tx) => {
    const added = await addPeople(tx, [person], at, firstCause())
    // Who was removed keeps the id, so it is never the first attempt that brings them back.
    if (added.length > 0 || (await isFirstAdminReplaced(tx))) return
    await addPeople(tx, [{ ...person, id: uuidv7() }], at, firstCause())
  })
}

function firstCause() {
  return { correlationId: randomUUID(), causationId: null }
}
