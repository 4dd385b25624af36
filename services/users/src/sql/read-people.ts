import type { Queryable } from '@millrace/postgres'
import { personColumns, type PersonRow } from './person-row.ts'

const read = {
  name: 'read_person',
  text: `
    select ${personColumns}
    from person
    where id = $1`,
}
const readAll = {
  name: 'read_people',
  text: `
    select ${personColumns}
    from person
    where id = any($1::text[])`,
}
const lock = { name: 'lock_person', text: `${read.text}\n    for update` }

/** Also who was removed. */
export async function readPerson(on: Queryable, id: string): Promise<PersonRow | undefined> {
  return (await on.query<PersonRow>(read, [id])).rows[0]
}

/** As `readPerson`, in any order; without those who never were. */
export async function readPeople(
  on: Queryable,
  ids: readonly string[],
): Promise<readonly PersonRow[]> {
  return (await on.query<PersonRow>(readAll, [ids])).rows
}

/** As `readPerson`; nobody else changes them until the transaction ends. */
export async function lockPerson(on: Queryable, id: string): Promise<PersonRow | undefined> {
  return (await on.query<PersonRow>(lock, [id])).rows[0]
}
