import type { Queryable } from '@millrace/postgres'
import { personColumns, type PersonRow } from './person-row.ts'

const update = {
  name: 'update_person',
  text: `
    update person
    set name = $2, roles = $3::text[], country = $4, version = version + 1
    where id = $1
    returning ${personColumns}`,
}

/** The caller holds the lock. */
export async function updatePerson(
  on: Queryable,
  { id, name, roles, country }: Pick<PersonRow, 'id' | 'name' | 'roles' | 'country'>,
): Promise<PersonRow> {
  const [row] = (await on.query<PersonRow>(update, [id, name, roles, country])).rows
  if (!row) throw new Error('A person that this transaction holds locked is not there')
  return row
}

/** Takes name, address, country and password away; the id stays. The caller holds the lock. @returns the version after it */
export async function erasePerson(on: Queryable, id: string, at: Date): Promise<bigint> {
  const [row] = (
    await on.query<{ version: bigint }>(
      {
        name: 'erase_person',
        text: `
          update person
          set name = 'removed', email = null, email_key = null, country = null, password_hash = null, roles = '{}',
            deleted_at = $2, version = version + 1
          where id = $1
          returning version`,
      },
      [id, at],
    )
  ).rows
  if (!row) throw new Error('A person that this transaction holds locked is not there')
  return row.version
}
