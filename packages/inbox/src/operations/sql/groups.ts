import type { Queryable } from '@millrace/postgres'
import type { HandlerEffects } from '../../types.ts'

/** What a consumer says of itself, for those who plan operations elsewhere. */
export interface GroupRegistration {
  readonly group: string
  readonly serviceName: string
  readonly topics: readonly string[]
  readonly effects: HandlerEffects
  readonly isShadow: boolean
}

export async function registerGroup(
  on: Queryable,
  schema: string,
  registration: GroupRegistration,
): Promise<void> {
  const { group, serviceName, topics, effects, isShadow } = registration
  await on.query(
    `insert into ${schema}.consumption_group as known
       (consumer_group, service_name, topics, effects, is_shadow, seen_at)
     values ($1, $2, $3, $4, $5, clock_timestamp())
     on conflict (consumer_group) do update
       set service_name = excluded.service_name,
         topics = excluded.topics,
         effects = excluded.effects,
         is_shadow = excluded.is_shadow,
         seen_at = excluded.seen_at`,
    [group, serviceName, topics, effects, isShadow],
  )
}

export async function findGroup(
  on: Queryable,
  schema: string,
  group: string,
): Promise<GroupRegistration | undefined> {
  const found = await on.query<GroupRegistration>(
    `select consumer_group as "group", service_name as "serviceName", topics, effects, is_shadow as "isShadow"
     from ${schema}.consumption_group
     where consumer_group = $1`,
    [group],
  )
  return found.rows[0]
}
