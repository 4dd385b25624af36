import type { Queryable } from '@millrace/postgres'
import { personColumns, type PersonRow } from './person-row.ts'

export interface NewPerson {
  readonly id: string
  readonly name: string
  readonly email: string | null
  readonly emailKey: string | null
  readonly roles: PersonRow['roles']
  readonly country: string | null
  readonly passwordHash: string | null
  readonly source: 'registered' | 'imported' | 'demo' | 'configured'
}

const statement = {
  name: 'insert_people',
  text: `
    insert into person (id, name, email, email_key, roles, country, password_hash, source, created_at, version)
    select p.id, p.name, p.email, p.email_key, string_to_array(p.roles, ','), p.country, p.password_hash, p.source, $9::timestamptz, 1
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
      as p (id, name, email, email_key, roles, country, password_hash, source)
    order by p.id
    on conflict do nothing
    returning ${personColumns}`,
}

/** Those whose id and e-mail address were free; the others are left out. In order of id, so that two batches wait and do not deadlock. */
export async function insertPeople(
  on: Queryable,
  people: readonly NewPerson[],
  createdAt: Date,
): Promise<readonly PersonRow[]> {
  const { rows } = await on.query<PersonRow>(statement, [
    people.map((person) => person.id),
    people.map((person) => person.name),
    people.map((person) => person.email),
    people.map((person) => person.emailKey),
    people.map((person) => person.roles.join(',')),
    people.map((person) => person.country),
    people.map((person) => person.passwordHash),
    people.map((person) => person.source),
    createdAt,
  ])
  return rows
}
