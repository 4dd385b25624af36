import type { Queryable } from '@millrace/postgres'
import { personColumns, type PersonRow } from './person-row.ts'

export interface PeopleListing {
  /** Part of name, e-mail address or id; null: all. */
  readonly search: string | null
  readonly role: string | null
  /** The person after whom to go on; null: from the newest. */
  readonly after: { readonly createdAt: Date; readonly id: string } | null
  readonly limit: number
}

const statement = {
  name: 'list_people',
  text: `
    select ${personColumns}
    from person
    where deleted_at is null
      and (created_at, id) < (coalesce($1::timestamptz, 'infinity'), coalesce($2::text, ''))
      and ($3::text is null or strpos(lower(name || ' ' || coalesce(email, '') || ' ' || id), lower($3)) > 0)
      and ($4::text is null or $4 = any(roles))
    order by created_at desc, id desc
    limit $5::integer`,
}

/** Newest first, without those who were removed. A search reads along the index of times until the page is full. */
export async function listPeople(
  on: Queryable,
  { search, role, after, limit }: PeopleListing,
): Promise<readonly PersonRow[]> {
  const { rows } = await on.query<PersonRow>(statement, [
    after?.createdAt ?? null,
    after?.id ?? null,
    search,
    role,
    limit,
  ])
  return rows
}
